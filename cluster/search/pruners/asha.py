"""Asynchronous successive halving: at 1, 3, 9, ... folds only the best third continues (Li et al. 2020, arXiv 1810.05934).

On epochs, with all folds at once, the rungs are at 1/27, 1/9 and 1/3 of the maximum number of epochs.

The rungs are recomputed from the records at every call. All trials must use the same fold order. If the order were shuffled
per trial, an easy first fold would decide, and one study in four or five would lose the best configuration.
"""

import math
from collections.abc import Sequence

from cluster.search.pruners.pruner import Pruner, Scores

REDUCTION = 3
"""Reduction factor: one in this many trials continues."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """Stops a trial at a rung unless its mean so far is in the best third there. Needs at least three trials at the rung."""
    done = len(own)
    if done >= folds or not _is_rung(done):
        return ""
    reached = [sum(scores[:done]) / done for scores in others if len(scores) >= done]
    return _behind(sum(own) / done, reached, f"{done} of {folds} folds")


def stop_curve(own: Scores, others: Sequence[Scores], epochs: int) -> str:
    """Applies the same rule to the best score so far, at rungs of `epochs`."""
    done = len(own)
    if done >= epochs or done not in [math.ceil(epochs / REDUCTION**power) for power in (3, 2, 1)]:
        return ""
    return _behind(own[-1], [scores[done - 1] for scores in others if len(scores) >= done], f"{done} of {epochs} epochs")


def _behind(score: float, reached: Sequence[float], done: str) -> str:
    there = len(reached) + 1
    rank = 1 + sum(other > score for other in reached)
    if there < REDUCTION or rank <= there // REDUCTION:
        return ""
    return f"rank {rank} of {there} after {done}; the best {there // REDUCTION} went on"


def _is_rung(done: int) -> bool:
    """Whether `done` is a power of the reduction."""
    rung = 1
    while rung < done:
        rung *= REDUCTION
    return rung == done


PRUNER = Pruner("asha", stop, stop_curve=stop_curve)
