"""Development scores of a study's trials, each read once from the records. A search and its pruner decide by them."""

import math
from collections.abc import Sequence

from cluster.search.objectives import Goal, front
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore
from ser_core.training.phase import best_so_far

Judged = tuple[tuple[float, ...], Trial]
"""Mean per objective (more is better) and its trial."""


class Scores:
    """Development scores of trials. Test parts stay sealed."""

    def __init__(self, store: RunStore, goal: Goal) -> None:
        self.store, self.goal = store, goal
        self._records: dict[FoldKey, FoldRecord] = {}

    def first_folds(self, trial: Trial) -> list[tuple[float, ...]]:
        """Returns values per objective (more is better) of folds 1, 2, ... up to the first missing or undefined one."""
        values = []
        for key in trial.keys:
            if not self._there(key):
                break
            fold = self.goal.values(self._records[key])
            # A gap ends the prefix, because pruners compare trials over the same first folds.
            if any(math.isnan(value) for value in fold):
                break
            values.append(fold)
        return values

    def means(self, trial: Trial) -> tuple[float, ...] | None:
        """Returns the mean over all folds per objective (more is better); None if a fold is missing or a value is undefined."""
        folds = self.first_folds(trial)
        return mean(folds) if len(folds) == len(trial.keys) else None

    def curve(self, trial: Trial) -> list[float]:
        """Returns the mean over folds of the score that selects epochs, after each epoch; [] if a fold is missing."""
        if not all(self._there(key) for key in trial.keys):
            return []
        courses = [best_so_far([epoch["dev"] for epoch in self._records[key].epochs]) for key in trial.keys]
        longest = max(map(len, courses))
        # A fold that stopped early keeps its best score until the slowest fold ends.
        padded = [course + course[-1:] * (longest - len(course)) for course in courses]
        return [sum(column) / len(column) for column in zip(*padded, strict=True)]

    def excess(self, trial: Trial) -> dict[str, float]:
        """Returns how far the trial exceeds each constraint. Raises SettingError if the measure was not recorded."""
        if not self.goal.constraints:
            return {}
        folds = [self._records[key] for key in trial.keys if self._there(key)]
        return {str(constraint): constraint.excess(folds) for constraint in self.goal.constraints}

    def allowed(self, trial: Trial) -> bool:
        """Whether the trial meets every constraint."""
        return all(excess <= 0 for excess in self.excess(trial).values())

    def gpu_hours(self, trial: Trial, folds: Sequence[int]) -> float:
        """Returns the GPU-hours of the recorded folds among `folds` of a trial."""
        keys = [key for key in trial.keys if key.fold in folds]
        return sum(self._records[key].spent.get("gpu_seconds", 0.0) for key in keys if self._there(key)) / 3600

    def _there(self, key: FoldKey) -> bool:
        if key not in self._records and key in self.store:
            self._records[key] = self.store.load(key)
        return key in self._records


def mean(folds: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Returns the mean per objective over folds.

    >>> mean([(1.0, 0.0), (3.0, 0.0)])
    (2.0, 0.0)
    """
    return tuple(sum(values) / len(folds) for values in zip(*folds, strict=True))


def rank_trials(scores: Scores, trials: Sequence[Trial]) -> tuple[list[Judged], int]:
    """Returns the complete trials that meet the constraints, best first. For several objectives, only the Pareto front.

    Also returns the number of trials that break a constraint.
    """
    complete = [(means, trial) for trial in trials if (means := scores.means(trial)) is not None]
    kept = [judged for judged in complete if scores.allowed(judged[1])]
    best = [kept[index] for index in front([means for means, _ in kept])] if len(scores.goal.objectives) > 1 else kept
    return sorted(best, key=lambda judged: judged[0], reverse=True), len(complete) - len(kept)
