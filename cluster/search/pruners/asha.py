"""Asynchronous successive halving: at 1, 3, 9, ... folds only the best third goes on (Li et al. 2020, arXiv 1810.05934).

On epochs, with all folds at once, at a 27th, a 9th and a third of the most epochs.

Its rungs are made anew from the records at every question. Folds must come in one order for all trials: shuffled per trial, an
easy first fold would decide (the best configuration is then lost in one study of four or five).
"""

import math
from collections.abc import Sequence

from cluster.search.pruners.pruner import Pruner, Scores

REDUCTION = 3
"""One of so many goes on."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """At a rung: unless the mean so far is among the best third of all that reached it, if three have."""
    done = len(own)
    if done >= folds or not _is_rung(done):
        return ""
    reached = [sum(scores[:done]) / done for scores in others if len(scores) >= done]
    return _behind(sum(own) / done, reached, f"{done} of {folds} folds")


def stop_curve(own: Scores, others: Sequence[Scores], epochs: int) -> str:
    """The same for the best score so far after so many of `epochs`."""
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
