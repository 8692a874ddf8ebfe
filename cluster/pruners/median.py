"""The median rule: a trial ends when its mean so far is below the median of the others over the same folds.

Golovin et al. 2017, 10.1145/3097983.3098043, there on the curves of training.
"""

import statistics
from collections.abc import Sequence

from cluster.pruners.pruner import Pruner, Scores

FIRST_TRIALS = 5
"""So many others must have come as far."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """Once five others have as many folds and the mean so far lies below their median."""
    done = len(own)
    reached = [sum(scores[:done]) / done for scores in others if len(scores) >= done]
    if done >= folds or len(reached) < FIRST_TRIALS:
        return ""
    mean, middle = sum(own) / done, statistics.median(reached)
    if mean >= middle:
        return ""
    return f"mean {mean:.4g} after {done} of {folds} folds is below the median {middle:.4g} of {len(reached)} others"


PRUNER = Pruner("median", stop)
