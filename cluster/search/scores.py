"""Development scores of a study's trials, read once each from the records: what a search and its pruner decide by."""

import math
from collections.abc import Sequence

from cluster.search.objectives import Goal, front
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore
from ser_core.training.phase import best_so_far

Judged = tuple[tuple[float, ...], Trial]
"""Means per objective, more is better, and the trial they belong to."""


class Scores:
    """What the development parts say of trials. Test parts stay sealed."""

    def __init__(self, store: RunStore, goal: Goal) -> None:
        self.store, self.goal = store, goal
        self._records: dict[FoldKey, FoldRecord] = {}

    def first_folds(self, trial: Trial) -> list[tuple[float, ...]]:
        """Values per objective (more is better) of folds 1, 2, ... as far as they are recorded without a gap and defined."""
        values = []
        for key in trial.keys:
            if not self._there(key):
                break
            fold = self.goal.values(self._records[key])
            if any(math.isnan(value) for value in fold):
                break
            values.append(fold)
        return values

    def means(self, trial: Trial) -> tuple[float, ...] | None:
        """Means over all folds per objective (more is better); None while a fold is missing or a value undefined."""
        folds = self.first_folds(trial)
        return mean(folds) if len(folds) == len(trial.keys) else None

    def curve(self, trial: Trial) -> list[float]:
        """After each epoch, the mean over folds of what an epoch is chosen by; [] while a fold is missing."""
        if not all(self._there(key) for key in trial.keys):
            return []
        courses = [best_so_far([epoch["dev"] for epoch in self._records[key].epochs]) for key in trial.keys]
        longest = max(map(len, courses))
        whole = [course + course[-1:] * (longest - len(course)) for course in courses]
        return [sum(column) / len(column) for column in zip(*whole, strict=True)]

    def excess(self, trial: Trial) -> dict[str, float]:
        """By constraint, how far the trial lies above its bound. Raises SettingError where that was not recorded."""
        if not self.goal.constraints:
            return {}
        folds = [self._records[key] for key in trial.keys if self._there(key)]
        return {str(constraint): constraint.excess(folds) for constraint in self.goal.constraints}

    def allowed(self, trial: Trial) -> bool:
        """Whether it keeps every constraint."""
        return all(excess <= 0 for excess in self.excess(trial).values())

    def gpu_hours(self, trial: Trial, folds: Sequence[int]) -> float:
        """GPU-hours of these folds of a trial, as far as they are recorded."""
        keys = [key for key in trial.keys if key.fold in folds]
        return sum(self._records[key].spent.get("gpu_seconds", 0.0) for key in keys if self._there(key)) / 3600

    def _there(self, key: FoldKey) -> bool:
        if key not in self._records and key in self.store:
            self._records[key] = self.store.load(key)
        return key in self._records


def mean(folds: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Mean per objective over folds.

    >>> mean([(1.0, 0.0), (3.0, 0.0)])
    (2.0, 0.0)
    """
    return tuple(sum(values) / len(folds) for values in zip(*folds, strict=True))


def rank_trials(scores: Scores, trials: Sequence[Trial]) -> tuple[list[Judged], int]:
    """Trials with all folds that keep the constraints, best first; under several objectives the Pareto front alone.

    Also how many break a constraint.
    """
    whole = [(means, trial) for trial in trials if (means := scores.means(trial)) is not None]
    kept = [judged for judged in whole if scores.allowed(judged[1])]
    best = [kept[index] for index in front([means for means, _ in kept])] if len(scores.goal.objectives) > 1 else kept
    return sorted(best, key=lambda judged: judged[0], reverse=True), len(whole) - len(kept)
