"""Paired predictive futility: a trial ends when it will hardly be ahead of the best finished trial once all folds are done.

d_1 .. d_n: paired differences so far, mean D, of K folds; their sd s pooled over all finished trials (below). Under a flat prior
on the true difference, the mean difference after all K folds is predicted as
    D_K ~ D + s sqrt(m / (n K)) t_df          m = K - n folds to come
and the trial ends when P(D_K > 0) < 5 %. Fold difficulty cancels in the pairs (Dmitrienko & Wang 2006, 10.1002/sim.2204, for the
predictive probability; pairing by fold is ours). s^2 pools the residuals of finished trials after their own and their fold's mean
(twice, since a difference has two) with the spread of d itself: df = (trials - 1)(K - 1) + n - 1. With df = 0 nothing is decided.
"""

import math
from collections.abc import Sequence

import numpy as np

from cluster.search.pruners.pruner import Pruner, Scores, finished

LEVEL = 0.05
"""Predictive probability below which the trial ends."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """When the predictive probability of ending above the best finished trial is below 5 %."""
    done, whole = len(own), finished(others, folds)
    if done >= folds or not len(whole):
        return ""
    best = whole[whole.mean(axis=1).argmax()]
    probability = chance_to_end_above(np.asarray(own, float), best, whole)
    if probability >= LEVEL:
        return ""
    behind = float(best[:done].mean() - np.mean(own))
    return (
        f"{behind:.4g} behind the best finished trial after {done} of {folds} folds; "
        f"the chance to end above it is {100 * probability:.1f} %"
    )


def chance_to_end_above(own: np.ndarray, best: np.ndarray, whole: np.ndarray) -> float:
    """Predictive probability that `own` [n] ends with a greater mean than `best` [K]; `whole` [trials K] are all finished trials.

    1 where nothing can be decided yet.
    """
    from scipy.special import stdtr

    done, folds = len(own), len(best)
    differences = own - best[:done]
    mean = float(differences.mean())
    freedom = (len(whole) - 1) * (folds - 1) + done - 1
    if mean >= 0 or freedom == 0:
        return 1.0
    residuals = whole - whole.mean(axis=1, keepdims=True) - whole.mean(axis=0) + whole.mean()
    squares = 2 * float((residuals**2).sum()) + float(((differences - mean) ** 2).sum())
    spread = math.sqrt(squares / freedom * (folds - done) / (done * folds))
    return float(stdtr(freedom, mean / spread)) if spread > 0 else 0.0


PRUNER = Pruner("futility", stop, several_objectives=True)
