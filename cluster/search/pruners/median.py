"""The median rule: a trial ends when its mean so far is below the median of the others over the same folds.

Golovin et al. 2017, 10.1145/3097983.3098043, who apply it to training curves.
"""

import statistics
from collections.abc import Sequence

from cluster.search.pruners.pruner import Pruner, Scores

FIRST_TRIALS = 5
"""Minimum number of other trials that must have reached the same point."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """Stops a trial when at least five others have as many folds and its mean so far is below their median."""
    done = len(own)
    if done >= folds:
        return ""
    return _below(
        sum(own) / done, [sum(scores[:done]) / done for scores in others if len(scores) >= done], f"{done} of {folds} folds"
    )


def stop_curve(own: Scores, others: Sequence[Scores], epochs: int) -> str:
    """Applies the same rule to the best score so far, from 1/9 of the epochs on. Before that, all scores are poor."""
    done = len(own)
    if not epochs / 9 <= done < epochs:
        return ""
    return _below(own[-1], [scores[done - 1] for scores in others if len(scores) >= done], f"{done} of {epochs} epochs")


def _below(score: float, reached: Sequence[float], done: str) -> str:
    if len(reached) < FIRST_TRIALS:
        return ""
    middle = statistics.median(reached)
    return f"{score:.4g} after {done} is below the median {middle:.4g} of {len(reached)} others" if score < middle else ""


PRUNER = Pruner("median", stop, stop_curve=stop_curve)
