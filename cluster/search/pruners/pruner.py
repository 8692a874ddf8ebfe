"""The interface of a pruner: a pure function of development scores per fold, in the fold order that all trials share.

    own [.61 .58]  others [[.66 .64 .70 .61 .66], [.60], ...]  folds 5   --stop-->  "" (continue) or the reason in a sentence
A pruner keeps no state between calls, so a killed study makes the same decisions from its records when it resumes.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ser_core.errors import SettingError

Scores = Sequence[float]
"""Development scores of a trial's first folds; more is better."""
Stop = Callable[[Scores, Sequence[Scores], int], str]
"""(this trial's scores, those of every other trial, total folds) -> the reason to end the trial, or ""."""


@dataclasses.dataclass(frozen=True)
class Pruner:
    """A rule that ends trials early."""

    name: str
    stop: Stop
    least_folds: int = 2
    """Minimum number of folds for which the rule can end a trial."""
    stop_curve: Stop | None = None
    """The same rule on epochs of all folds: (best so far after each epoch, those of all others, maximum epochs)."""
    several_objectives: bool = False
    """Whether the rule can compare two trials in each of several objectives."""

    def check(self, folds: int, objectives: int, epochs: bool = False) -> None:
        """Raises SettingError when the rule does not fit the study, which is judged on folds or on `epochs`."""
        if epochs:
            if self.stop_curve is None:
                raise SettingError(f"--pruning {self.name} compares folds; with --prune-on epochs use asha or median")
            return
        if folds < self.least_folds:
            raise SettingError(
                f"--pruning {self.name} needs at least {self.least_folds} folds, but this study has {folds}; use futility or none"
            )
        if objectives > 1 and not self.several_objectives:
            raise SettingError(f"--pruning {self.name} compares one objective, got {objectives}; use futility or none")


def finished(others: Sequence[Scores], folds: int) -> np.ndarray:
    """Returns the scores of the trials that have all folds [trials folds]."""
    complete = [scores for scores in others if len(scores) == folds]
    return np.asarray(complete, dtype=float).reshape(len(complete), folds)
