"""Paired predictive futility: a trial ends when it is unlikely to beat the best finished trial after all folds.

d_1 .. d_n are the paired differences so far, out of K folds, with mean D; their SD s is pooled over all finished trials (below).
With a flat prior on the true difference, the predicted mean difference after all K folds is
    D_K ~ D + s sqrt(m / (n K)) t_df          m = K - n remaining folds
The trial ends when P(D_K > 0) < 5 %. Pairing cancels the difficulty of folds. The predictive probability follows Dmitrienko &
Wang (2006, 10.1002/sim.2204); pairing by fold is ours. s^2 pools the residuals of finished trials, after removing trial and fold
means (doubled, since a difference has two), with the variance of d: df = (trials - 1)(K - 1) + n - 1. With df = 0 no trial ends.
"""

import math
from collections.abc import Sequence

import numpy as np

from cluster.search.pruners.pruner import Pruner, Scores, finished

LEVEL = 0.05
"""Predictive probability below which the trial ends."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """Stops a trial when its predictive probability of beating the best finished trial is below 5 %."""
    done, complete = len(own), finished(others, folds)
    if done >= folds or not len(complete):
        return ""
    best = complete[complete.mean(axis=1).argmax()]
    probability = chance_to_end_above(np.asarray(own, float), best, complete)
    if probability >= LEVEL:
        return ""
    behind = float(best[:done].mean() - np.mean(own))
    return (
        f"{behind:.4g} behind the best finished trial after {done} of {folds} folds; "
        f"the chance of ending above it is {100 * probability:.1f} %"
    )


def chance_to_end_above(own: np.ndarray, best: np.ndarray, complete: np.ndarray) -> float:
    """Returns the predictive probability that `own` [n] ends with a greater mean than `best` [K].

    `complete` [trials K] holds all finished trials. Returns 1 if the data cannot decide yet.
    """
    from scipy.special import stdtr

    done, folds = len(own), len(best)
    differences = own - best[:done]
    mean = float(differences.mean())
    freedom = (len(complete) - 1) * (folds - 1) + done - 1
    if mean >= 0 or freedom == 0:
        return 1.0
    residuals = complete - complete.mean(axis=1, keepdims=True) - complete.mean(axis=0) + complete.mean()
    squares = 2 * float((residuals**2).sum()) + float(((differences - mean) ** 2).sum())
    spread = math.sqrt(squares / freedom * (folds - done) / (done * folds))
    return float(stdtr(freedom, mean / spread)) if spread > 0 else 0.0


PRUNER = Pruner("futility", stop, several_objectives=True)
