"""What every pruner is: a pure function of development scores per fold, in the fold order that all trials share.

    own [.61 .58]  others [[.66 .64 .70 .61 .66], [.60], ...]  folds 5   --stop-->  "" (go on) or the reason in a sentence
Nothing is remembered between calls, so that a study that was killed decides from its records as it would have without.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ser_core.errors import SettingError

Scores = Sequence[float]
"""Development scores of a trial's first folds, more is better."""
Stop = Callable[[Scores, Sequence[Scores], int], str]
"""(this trial's scores, those of every other trial, folds in all) -> why the trial is to end, or nothing."""


@dataclasses.dataclass(frozen=True)
class Pruner:
    """One rule by which trials end early."""

    name: str
    stop: Stop
    least_folds: int = 2
    """Folds below which the rule can do nothing."""
    stop_curve: Stop | None = None
    """The same on epochs, of all folds at once: (best so far after each epoch, those of every other trial, most epochs)."""
    several_objectives: bool = False
    """Whether it can say that a trial falls behind another in each of several objectives."""

    def check(self, folds: int, objectives: int, epochs: bool = False) -> None:
        """Raises SettingError when it does not suit the study, which is judged on folds or on `epochs`."""
        if epochs:
            if self.stop_curve is None:
                raise SettingError(f"--pruning {self.name} compares folds; with --prune-on epochs use asha or median")
            return
        if folds < self.least_folds:
            raise SettingError(
                f"--pruning {self.name} needs at least {self.least_folds} folds and there are {folds}; use futility, asha or none"
            )
        if objectives > 1 and not self.several_objectives:
            raise SettingError(f"--pruning {self.name} compares one objective, got {objectives}; use futility or none")


def finished(others: Sequence[Scores], folds: int) -> np.ndarray:
    """Scores of the trials that have all folds [trials folds]."""
    whole = [scores for scores in others if len(scores) == folds]
    return np.asarray(whole, dtype=float).reshape(len(whole), folds)
