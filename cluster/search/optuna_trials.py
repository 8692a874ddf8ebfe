"""Trials that Optuna suggests in a space. Only the driver talks to Optuna; development scores decide.

    ask --> overrides --> Trial --(all recorded?)--> tell          a known suggestion costs nothing
                            |--> train fold by fold --> reported --> continue, or PRUNED with the mean so far
Optuna's study is a projection of the records. A new run first repeats the suggestions of earlier runs and answers them from
the records, so a killed search continues as if uninterrupted. The study lives in memory, or in a database for several drivers.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from cluster.search.budget import Budget, Clock
from cluster.search.pruners.pruner import Pruner
from cluster.search.pruners.several import reason_to_stop
from cluster.search.samplers.sampler import Sampler
from cluster.search.scores import Scores, mean
from cluster.search.shared_study import Drivers, SoleDriver, save_progress
from cluster.study_record import Ended, StudyRecord
from cluster.trial import Trial
from cluster.tune.tune_adapter import missing_folds
from search_spaces.space import Space
from ser_core.cross_validation.records import RunStore

POINTS_SKIPPED = 10_000
"""Maximum number of the sampler's fixed points to skip in search of a new one."""
REPEATS_IN_A_ROW = 20
"""A search ends after this many suggestions in a row without a new configuration."""

QUEUED = "queued"
"""Attribute of Optuna trials enqueued from earlier runs, from dead drivers, or by hand."""
OTHER_NUMBERS = 1_000_003
"""Distance between the sampler seeds of drivers that share a search."""


@dataclasses.dataclass(frozen=True)
class Past:
    """State from earlier runs of the search: suggestions in order, trials that ended early, trained folds, their GPU-hours."""

    asked: Sequence[dict[str, Any]] = ()
    ended: Mapping[str, Ended] = dataclasses.field(default_factory=dict)
    trained: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    gpu_hours: float = 0.0


class OptunaTrials:
    """A source of trials. `starts` are answers to try first; `make` turns overrides into a trial.

    With `epochs`, trials are judged after epochs of all their folds instead of after each fold.

    The constructor and every method raise RecordError when drivers share a database and it cannot be used.
    """

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
        drivers: Drivers | None = None,
        epochs: bool = False,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        past, self.drivers = past or Past(), drivers or SoleDriver()
        self.space, self.make, self.scores, self.pruner, self.budget = space, make, scores, pruner, budget
        self.epochs = epochs
        chooser = sampler.build(seed + OTHER_NUMBERS * (self.drivers.number - 1), budget.trials or 20, len(past.asked))
        self.study = self.drivers.study(len(scores.goal.objectives), chooser)
        self._points = sampler.points(space, seed)
        self.trials: dict[str, Trial] = {}
        self.asked = list(past.asked)
        # A trial that ended with the budget is not kept here: this run's budget may resume it.
        self.ended = {name: ended for name, ended in past.ended.items() if ended.pruned}
        self.trained = {name: list(folds) for name, folds in past.trained.items()}
        self.gpu_hours = past.gpu_hours
        self.repeats = self.failures = 0
        self.ending = ""
        self._clock = Clock()
        self._open: dict[str, list[Any]] = {}
        self._curves: dict[str, list[float]] = {}
        self._under_way: set[str] = set()
        self._elsewhere: set[str] = set()
        self._in_a_row = 0
        with self.drivers.turn(self):
            # Repeating the earlier suggestions in order rebuilds the sampler's history; recorded folds cost nothing.
            self._enqueue([*past.asked, *starts])

    fixed = False

    @property
    def wanted(self) -> int:
        return max(1, self.budget.trials - len(self.trials))

    @property
    def shared(self) -> bool:
        return self.drivers.several

    def start_record(self, record: StudyRecord, store: RunStore) -> None:
        self.update_record(record, store)

    def update_record(self, record: StudyRecord, store: RunStore) -> None:
        """Writes the progress of the search, merged with what other drivers have written."""
        with self.drivers.turn(self):
            save_progress(record, self, store)

    def next(self) -> tuple[Trial, list[int]] | None:
        while True:
            # One turn per suggestion, so that other drivers get the lock in between.
            with self.drivers.turn(self):
                self._enqueue(self.drivers.left(self.study))
                asked = None if self._over() else self._ask()
                if asked is None:
                    return None
                if piece := self._piece(asked):
                    return piece

    def absorb(self, others: StudyRecord, running: Set[str]) -> None:
        """Adds the trials of other drivers: those that are settled, and those that a driver is training (`running`)."""
        for name, ended in others.ended.items():
            if ended.pruned:
                self.ended.setdefault(name, ended)
        self.asked.extend(answers for answers in others.asked if answers not in self.asked)
        for name in self._elsewhere - running:  # settled, or its driver is dead and the trial will be suggested again
            del self.trials[name]
        self._elsewhere &= running
        for trial in others.trials:
            name = trial_name(trial)
            if name not in self.trials and (name in running or self._settled(trial)):
                self.trials[name] = trial
                self._elsewhere |= {name} & running
            fresh = sorted({*others.trained.get(name, ())} - {*self.trained.get(name, ())})
            if fresh:
                self.trained.setdefault(name, []).extend(fresh)
                self.gpu_hours += self.scores.gpu_hours(trial, fresh)
        for name in {*self._open} - self._under_way:
            if name in self.trials and self._settled(self.trials[name]):
                self.finished(self.trials[name])

    def _piece(self, asked: Any) -> tuple[Trial, list[int]] | None:
        """Returns the trial of a suggestion and the folds to train. If there are none, tells Optuna the result, returns None."""
        trial = self.make(self.space.overrides(asked))
        name = trial_name(trial)
        ours = self.drivers.claim(asked, name)
        self._open.setdefault(name, []).append(asked)
        if name in self.trials or not ours or self._enough:
            if QUEUED not in asked.user_attrs:  # an enqueued trial repeats on purpose, so it does not count
                self.repeats, self._in_a_row = self.repeats + 1, self._in_a_row + 1
            if self._in_a_row >= REPEATS_IN_A_ROW:
                self.ending = f"{self._in_a_row} suggestions in a row were known: the sampler finds nothing new in this space"
            if ours and name not in self._under_way:  # its score is known
                self.finished(trial)
            return None
        self._in_a_row = 0
        self.trials[name] = trial
        if asked.params not in self.asked:
            self.asked.append(dict(asked.params))
        missing = missing_folds(trial, self.scores.store)
        if missing and not self._prunes(trial):
            self._under_way.add(name)
            return trial, missing
        self.finished(trial)
        return None

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """Counts the fold. Returns True to end the trial when the pruner or the budget requires it."""
        name = trial_name(trial)
        self.failures += failed
        if trained:
            self.trained.setdefault(name, []).append(fold)
            self.gpu_hours += self.scores.gpu_hours(trial, [fold])
        # A complete trial ends by itself.
        if not missing_folds(trial, self.scores.store):
            return False
        judged = len(self.scores.first_folds(trial))
        # Prune only after a gapless prefix of folds: pruners compare all trials over the same first folds.
        if not failed and judged == fold and self._prunes(trial):
            return True
        if spent := self._spent():
            self.ended[name] = Ended(judged, spent, pruned=False)
        return bool(spent)

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        """Returns True when the pruner ends the trial by its curve so far, compared with all others after as many epochs."""
        name = trial_name(trial)
        own = self._curves.setdefault(name, [])
        own += [-math.inf] * (epoch - 1 - len(own))  # a worker resumed a checkpoint of a killed one
        own[epoch - 1 :] = [dev]
        others = [self._curve(other, epoch) for each, other in self.trials.items() if each != name]
        assert self.pruner.stop_curve is not None, "checked before the search started"
        reason = self.pruner.stop_curve(own, [curve for curve in others if curve], most)
        if reason:
            self.ended[name] = Ended(0, reason, pruned=True, curve=list(own), cost=len(trial.keys) * epoch / most)
        return bool(reason)

    def _curve(self, trial: Trial, epochs: int) -> list[float]:
        """Returns the best score so far after each known epoch. A finished trial repeats its last value."""
        name = trial_name(trial)
        if name in self.ended:
            return self.ended[name].curve
        curve = self.scores.curve(trial) or self._curves.get(name, [])
        finished = self.scores.means(trial) is not None
        return curve + curve[-1:] * (epochs - len(curve)) if finished else curve

    def finished(self, trial: Trial) -> None:
        """Tells Optuna the mean scores, that the trial was pruned with the mean so far, or that it failed."""
        from optuna.trial import TrialState

        name = trial_name(trial)
        self._under_way.discard(name)
        folds, means = self.scores.first_folds(trial), self.scores.means(trial)
        for asked in self._open.pop(name, []):
            if means is not None:
                for constraint, excess in self.scores.excess(trial).items():
                    asked.set_constraint(constraint, excess)
                self.study.tell(asked, means)
            elif name in self.ended and self.ended[name].pruned:
                curve = self.ended[name].curve
                if curve:
                    asked.report(curve[-1], step=len(curve))
                elif len(self.scores.goal.objectives) == 1:  # Optuna has no intermediate values for several objectives
                    asked.report(mean(folds)[0], step=len(folds))
                self.study.tell(asked, state=TrialState.PRUNED)
            else:
                self.study.tell(asked, state=TrialState.FAIL)

    def _enqueue(self, wanted: Sequence[dict[str, Any]]) -> None:
        """Enqueues these answers, unless Optuna already has a finished or waiting trial that includes them."""
        from optuna.trial import TrialState

        there = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state is not TrialState.FAIL]
        known = [trial.params or trial.user_attrs.get(QUEUED, {}) for trial in there]
        for answers in wanted:
            if not any(answers.items() <= each.items() for each in known):
                self.study.enqueue_trial(answers, user_attrs={QUEUED: answers})
                known.append(answers)

    def _ask(self) -> Any:
        """Returns the next Optuna trial: first enqueued ones, then fixed points, then suggestions of the sampler."""
        if self._points is not None and not self._waiting():
            further = itertools.islice(self._points, POINTS_SKIPPED)
            answers = next((answers for answers in further if answers not in self.asked), None)
            if answers is None:
                self.ending = "every point has been tried"
                return None
            self.study.enqueue_trial(answers)
        return self.study.ask()

    def _waiting(self) -> bool:
        """Whether enqueued answers are still waiting."""
        from optuna.trial import TrialState

        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _settled(self, trial: Trial) -> bool:
        """Whether the trial has nothing left to train."""
        return trial_name(trial) in self.ended or not missing_folds(trial, self.scores.store)

    def _prunes(self, trial: Trial) -> bool:
        """Whether the pruner ends the trial. Records the reason."""
        name = trial_name(trial)
        if name in self.ended or self.epochs:
            return name in self.ended
        own = self.scores.first_folds(trial)
        others = [self.scores.first_folds(other) for each, other in self.trials.items() if each != name]
        reason = reason_to_stop(self.pruner, own, others, len(trial.keys))
        if reason:
            self.ended[name] = Ended(len(own), reason, pruned=True)
        return bool(reason)

    def _spent(self) -> str:
        folds = sum(map(len, self.trained.values())) + int(sum(ended.cost for ended in self.ended.values()))
        return self.budget.spent(folds, self._clock.hours, self.failures, self.gpu_hours)

    def _over(self) -> bool:
        """Whether the search should start no further trial."""
        self.ending = self.ending or self._spent()
        return bool(self.ending) or (self._enough and not (self.drivers.several and self._waiting()))

    @property
    def _enough(self) -> bool:
        """Whether the limit on configurations is reached. Trials waiting in a new database then only get their results."""
        return 0 < self.budget.trials <= len(self.trials)


def trial_name(trial: Trial) -> str:
    """Returns the name of a trial: a hash of its resolved configuration."""
    return trial.keys[0].fingerprint
