"""Optuna's suggestions in a space, asked and told by the driver only, judged by development scores.

    ask --> overrides --> Trial --(all recorded?)--> tell          a suggestion that is known costs nothing
                            |--> train fold by fold --> reported --> go on, or PRUNED with the mean so far
Optuna's study lives in memory, one more projection of the records: an earlier run's suggestions are asked for again first and
answered from the records, so a killed search goes on as if it had not been.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster.budget import Budget, Clock
from cluster.pruners.pruner import Pruner
from cluster.pruners.several import reason_to_stop
from cluster.samplers.sampler import Sampler
from cluster.scores import Scores, mean
from cluster.searcher import missing_folds
from cluster.study_record import Ended
from cluster.trial import Trial
from search_spaces.space import Space

POINTS_SKIPPED = 10_000
"""So many settled points are passed over in search of one that has not been asked for."""
REPEATS_IN_A_ROW = 20
"""So many suggestions without a new configuration end a search: the space holds nothing else within reach."""


@dataclasses.dataclass(frozen=True)
class Past:
    """What earlier runs of the same search left: suggestions in order, trials ended early, folds trained and their GPU-hours."""

    asked: Sequence[dict[str, Any]] = ()
    ended: Mapping[str, Ended] = dataclasses.field(default_factory=dict)
    trained: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    gpu_hours: float = 0.0


class Proposed:
    """A source of trials. `starts` are answers to be asked for first; `make` turns overrides into a trial."""

    def __init__(
        self,
        space: Space,
        make: Callable[[list[str]], Trial],
        scores: Scores,
        sampler: Sampler,
        pruner: Pruner,
        budget: Budget,
        seed: int = 0,
        past: Past | None = None,
        starts: Sequence[dict[str, Any]] = (),
    ) -> None:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        past = past or Past()
        self.space, self.make, self.scores, self.pruner, self.budget = space, make, scores, pruner, budget
        chooser = sampler.build(seed, budget.trials or 20, len(past.asked))
        self.study = optuna.create_study(directions=[StudyDirection.MAXIMIZE] * len(scores.goal.objectives), sampler=chooser)
        fresh = [start for start in starts if not any(start.items() <= known.items() for known in past.asked)]
        for answers in (*past.asked, *fresh):
            self.study.enqueue_trial(answers)
        self._queued = len(past.asked) + len(fresh)
        self._points = sampler.points(space, seed)
        self.trials: dict[str, Trial] = {}
        self.asked = list(past.asked)
        self.ended = {name: ended for name, ended in past.ended.items() if ended.pruned}
        self.trained = {name: list(folds) for name, folds in past.trained.items()}
        self.gpu_hours = past.gpu_hours
        self.repeats = self.failures = 0
        self.ending = ""
        self._clock = Clock()
        self._open: dict[str, list[Any]] = {}

    def next(self) -> tuple[Trial, list[int]] | None:
        in_a_row = 0
        while not self._over():
            asked = self._ask()
            if asked is None:
                break
            trial = self.make(self.space.overrides(asked))
            name = named(trial)
            self._open.setdefault(name, []).append(asked)
            if name in self.trials:
                self.repeats, in_a_row = self.repeats + 1, in_a_row + 1
                if in_a_row >= REPEATS_IN_A_ROW:
                    self.ending = f"{in_a_row} suggestions in a row were known: the sampler finds nothing new in this space"
                if len(self._open[name]) == 1:  # it is not running: its score is known
                    self.finished(trial)
                continue
            in_a_row = 0
            self.trials[name] = trial
            if asked.params not in self.asked:
                self.asked.append(dict(asked.params))
            missing = missing_folds(trial, self.scores.store)
            if missing and not self._prunes(trial):
                return trial, missing
            self.finished(trial)
        return None

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """Counts the fold; ends the trial when its scores or a budget say so."""
        name = named(trial)
        self.failures += failed
        if trained:
            self.trained.setdefault(name, []).append(fold)
            self.gpu_hours += self.scores.gpu_hours(trial, [fold])
        if not missing_folds(trial, self.scores.store):
            return False
        judged = len(self.scores.first_folds(trial))
        if not failed and judged == fold and self._prunes(trial):
            return True
        if spent := self._spent():
            self.ended[name] = Ended(judged, spent, pruned=False)
        return bool(spent)

    def finished(self, trial: Trial) -> None:
        """Tells Optuna the mean scores, that the trial was pruned with the mean so far, or that it failed."""
        from optuna.trial import TrialState

        name = named(trial)
        folds, means = self.scores.first_folds(trial), self.scores.means(trial)
        for asked in self._open.pop(name, []):
            if means is not None:
                for constraint, excess in self.scores.excess(trial).items():
                    asked.set_constraint(constraint, excess)
                self.study.tell(asked, means)
            elif name in self.ended and self.ended[name].pruned:
                if len(self.scores.goal.objectives) == 1:  # Optuna has no intermediate values for several
                    asked.report(mean(folds)[0], step=len(folds))
                self.study.tell(asked, state=TrialState.PRUNED)
            else:
                self.study.tell(asked, state=TrialState.FAIL)

    def _ask(self) -> Any:
        """The next Optuna trial: what is queued, then what is settled beforehand, then what the sampler thinks of."""
        if self._queued:
            self._queued -= 1
        elif self._points is not None:
            further = itertools.islice(self._points, POINTS_SKIPPED)
            answers = next((answers for answers in further if answers not in self.asked), None)
            if answers is None:
                self.ending = "every point has been tried"
                return None
            self.study.enqueue_trial(answers)
        return self.study.ask()

    def _prunes(self, trial: Trial) -> bool:
        """Whether the trial is ended by its scores, noting the reason."""
        name = named(trial)
        if name in self.ended:
            return True
        own = self.scores.first_folds(trial)
        others = [self.scores.first_folds(other) for each, other in self.trials.items() if each != name]
        reason = reason_to_stop(self.pruner, own, others, len(trial.keys))
        if reason:
            self.ended[name] = Ended(len(own), reason, pruned=True)
        return bool(reason)

    def _spent(self) -> str:
        return self.budget.spent(sum(map(len, self.trained.values())), self._clock.hours, self.failures, self.gpu_hours)

    def _over(self) -> bool:
        """Whether no further trial is to begin."""
        self.ending = self.ending or self._spent()
        return bool(self.ending) or 0 < self.budget.trials <= len(self.trials)


def named(trial: Trial) -> str:
    """A trial by its resolved configuration."""
    return trial.keys[0].fingerprint
