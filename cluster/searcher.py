"""Where trials come from and who may end them early: Tune sees one small Searcher and one small scheduler over a source.

Prepared [a, b, c]     --next-->  Trial --> Tune --fold--> reported --> go on, or stop
Proposed (proposed.py) --next-->                --end---> finished
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from cluster.trial import Trial
from ser_core.records import RunStore


class Source(Protocol):
    """Hands out trials with the folds still to train, and hears when they are done."""

    epochs: bool
    """Whether it wants to hear of epochs, where all folds of a trial train as one program."""

    def next(self) -> tuple[Trial, list[int]] | None:
        """The next trial, or None when there are no more."""
        ...

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """Hears of a fold (0: the trial as a whole); True ends the trial there."""
        ...

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        """Hears the best development score so far, mean over folds, after an epoch of `most`; True ends the trial there."""
        ...

    def finished(self, trial: Trial) -> None:
        """The trial has trained what it could, or was ended."""
        ...


class Begun:
    """A source whose first trial has been taken, to see whether there is anything to train at all."""

    def __init__(self, source: Source) -> None:
        self.source, self.epochs = source, source.epochs
        self.first = source.next()

    def next(self) -> tuple[Trial, list[int]] | None:
        first, self.first = self.first, None
        return first or self.source.next()

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        return self.source.reported(trial, fold, trained, failed)

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return self.source.progressed(trial, epoch, most, dev)

    def finished(self, trial: Trial) -> None:
        self.source.finished(trial)


class Prepared:
    """A list of trials, cut into pieces of `folds_per_trial` folds (0: whole); complete ones are left out."""

    epochs = False

    def __init__(self, trials: Sequence[Trial], store: RunStore, folds_per_trial: int = 0) -> None:
        self.pieces: list[tuple[Trial, list[int]]] = []
        for trial in trials:
            missing = missing_folds(trial, store)
            size = folds_per_trial or max(1, len(missing))
            self.pieces += [(trial, missing[start : start + size]) for start in range(0, len(missing), size)]
        self._waiting: Iterator[tuple[Trial, list[int]]] = iter(self.pieces)

    def next(self) -> tuple[Trial, list[int]] | None:
        return next(self._waiting, None)

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """What is compared is trained whole: an ablation prunes nothing."""
        return False

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return False

    def finished(self, trial: Trial) -> None:
        pass


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
            return piece[0].payload(piece[1], folder, source.epochs)

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


def tune_scheduler(source: Source, running: dict[str, Trial]) -> Any:
    """A Tune scheduler that ends a trial when the source says so, and has no state of its own: records decide."""
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    class SourceScheduler(FIFOScheduler):
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            if result.get("epoch"):
                ends = source.progressed(running[trial.trial_id], result["epoch"], result["most"], result["dev"])
                return TrialScheduler.STOP if ends else TrialScheduler.CONTINUE
            failed = bool(result["failure"])
            ends = source.reported(running[trial.trial_id], result["fold"], not failed and result["trained"], failed)
            return TrialScheduler.STOP if ends else TrialScheduler.CONTINUE

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            source.reported(running[trial.trial_id], 0, False, True)

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """As the searcher: what Tune keeps of it is never read."""
            return object, ()

    return SourceScheduler()
