"""Where trials come from: a prepared list, or Optuna, asked and told by the driver only. Tune sees one small Searcher.

Prepared [a, b, c]  --next-->  Trial --> Tune --> on_trial_complete --> finished
Proposed (Optuna)   --next-->      (a suggestion whose folds are all recorded is told at once and costs nothing)
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from cluster.trial import Trial
from search_spaces.space import Space
from ser_core.records import RunStore

REPEATS_IN_A_ROW = 20
"""So many suggestions without a new configuration end a search: the space holds nothing else within reach."""


class Source(Protocol):
    """Hands out trials with the folds still to train, and hears when they are done."""

    def next(self) -> tuple[Trial, list[int]] | None:
        """The next trial, or None when there are no more."""
        ...

    def finished(self, trial: Trial) -> None:
        """The trial has trained what it could."""
        ...


class Begun:
    """A source whose first trial has been taken, to see whether there is anything to train at all."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.first = source.next()

    def next(self) -> tuple[Trial, list[int]] | None:
        first, self.first = self.first, None
        return first or self.source.next()

    def finished(self, trial: Trial) -> None:
        self.source.finished(trial)


class Prepared:
    """A list of trials, cut into pieces of `folds_per_trial` folds (0: whole); complete ones are left out."""

    def __init__(self, trials: Sequence[Trial], store: RunStore, folds_per_trial: int = 0) -> None:
        self.pieces: list[tuple[Trial, list[int]]] = []
        for trial in trials:
            missing = missing_folds(trial, store)
            size = folds_per_trial or max(1, len(missing))
            self.pieces += [(trial, missing[start : start + size]) for start in range(0, len(missing), size)]
        self._waiting: Iterator[tuple[Trial, list[int]]] = iter(self.pieces)

    def next(self) -> tuple[Trial, list[int]] | None:
        return next(self._waiting, None)

    def finished(self, trial: Trial) -> None:
        pass


class Proposed:
    """Optuna's suggestions in a space, judged by a development score; at most `count` different configurations.

    `history` holds the parameters asked for in earlier runs of the same search: they are asked for again first, and
    answered from the records; a sampler that goes on after n of them draws from seed + n, not the same points again.
    Optuna's own study lives in memory, as one more projection of the records.
    """

    def __init__(
        self,
        space: Space,
        count: int,
        make: Callable[[list[str]], Trial],
        judge: Callable[[Trial], float | None],
        store: RunStore,
        sampler: str = "tpe",
        seed: int = 0,
        history: Sequence[dict[str, Any]] = (),
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        start = seed + len(history)
        samplers = {
            "tpe": lambda: optuna.samplers.TPESampler(seed=start, n_startup_trials=min(10, max(2, count // 2))),
            "random": lambda: optuna.samplers.RandomSampler(seed=start),
        }
        self.study = optuna.create_study(direction="maximize", sampler=samplers[sampler]())
        for parameters in history:
            self.study.enqueue_trial(parameters)
        self.space, self.count, self.make, self.judge, self.store = space, count, make, judge, store
        self.trials: dict[str, Trial] = {}
        self.asked = list(history)
        self.repeats = 0
        self.exhausted = False
        self._open: dict[str, list[Any]] = {}

    def next(self) -> tuple[Trial, list[int]] | None:
        in_a_row = 0
        while len(self.trials) < self.count and not self.exhausted:
            asked = self.study.ask()
            trial = self.make(self.space.overrides(asked))
            name = str(trial.keys[0])
            if name in self.trials:
                self.repeats, in_a_row = self.repeats + 1, in_a_row + 1
                self.exhausted = in_a_row >= REPEATS_IN_A_ROW
                self._tell_or_wait(asked, name, trial)
                continue
            in_a_row = 0
            self.trials[name] = trial
            if asked.params not in self.asked:
                self.asked.append(dict(asked.params))
            missing = missing_folds(trial, self.store)
            self._open.setdefault(name, []).append(asked)
            if missing:
                return trial, missing
            self.finished(trial)
        return None

    def finished(self, trial: Trial) -> None:
        """Tells Optuna the mean development score, or that the trial failed."""
        import optuna

        value = self.judge(trial)
        for asked in self._open.pop(str(trial.keys[0]), []):
            if value is None:
                self.study.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                self.study.tell(asked, value)

    def _tell_or_wait(self, asked: Any, name: str, trial: Trial) -> None:
        """A repeated suggestion is told the known score, now or when the running trial has one."""
        running = name in self._open
        self._open.setdefault(name, []).append(asked)
        if not running:
            self.finished(trial)


def missing_folds(trial: Trial, store: RunStore) -> list[int]:
    """Numbers of the trial's folds that have no record."""
    return [key.fold for key in trial.keys if key not in store]


def tune_searcher(source: Source, folder: Path) -> tuple[Any, dict[str, Trial]]:
    """A Tune Searcher over a source, and the trials it has handed out by Tune's trial id."""
    from ray.tune.search import Searcher

    running: dict[str, Trial] = {}

    class SourceSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:
            piece = source.next()
            if piece is None:
                return Searcher.FINISHED
            running[trial_id] = piece[0]
            return piece[0].payload(piece[1], folder)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            source.finished(running[trial_id])

        def save(self, checkpoint_path: str) -> None:
            """Nothing to save: records are what a study resumes from."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore."""

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its searcher into a state that is never read; an empty object stands for ours."""
            return object, ()

    return SourceSearcher(metric="fold", mode="max"), running
