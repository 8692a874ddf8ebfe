"""Where trials come from and who may end them early: Tune sees one small Searcher and one small scheduler over a source.

TrialQueue [a, b, c]   --next-->  Trial --> Tune --fold--> reported --> go on, or stop
OptunaTrials           --next-->                --end---> finished
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from cluster.study_record import StudyRecord
from cluster.trial import Piece, Trial, payload
from cluster.tune.gpu_shares import GpuShares
from cluster.tune.resources import Cluster
from ser_core.cross_validation.plan import by_pack
from ser_core.cross_validation.records import RunStore


class Source(Protocol):
    """Hands out trials with the folds still to train, and hears when they are done."""

    epochs: bool
    """Whether it wants to hear of epochs, where all folds of a trial train as one program."""

    @property
    def shared(self) -> bool:
        """Whether other drivers may work on the same study."""
        ...

    def start_record(self, record: StudyRecord, store: RunStore) -> None:
        """Writes the study's record before anything trains."""
        ...

    def update_record(self, record: StudyRecord, store: RunStore) -> None:
        """Writes what the source has decided since the last call."""
        ...

    def next(self) -> Piece | None:
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


@dataclasses.dataclass(frozen=True)
class HandedTrials:
    """What one of Tune's trials trains, handed out again if its worker dies: Tune gives up when one dies between two trials."""

    pieces: list[Piece]
    retries: int
    """How often it will be handed out again."""

    @property
    def trials(self) -> list[Trial]:
        return [trial for trial, _ in self.pieces]


HandedOut = dict[str, HandedTrials]
"""By the id of Tune's trial."""


class StartedSource:
    """A source whose first trial has been taken, to see whether there is anything to train at all."""

    def __init__(self, source: Source) -> None:
        self.source, self.epochs = source, source.epochs
        self.first = source.next()

    def next(self) -> Piece | None:
        first, self.first = self.first, None
        return first or self.source.next()

    def gathered(self, pack: int) -> list[Piece]:
        """The next trial; and, where trials may be stacked, those after it until they have `pack` folds. [] at the end."""
        pieces: list[Piece] = []
        while piece := self.next():
            pieces.append(piece)
            if piece[0].pack or sum(len(folds) for _, folds in pieces) >= pack:
                break
        return pieces

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        return self.source.reported(trial, fold, trained, failed)

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return self.source.progressed(trial, epoch, most, dev)

    def finished(self, trial: Trial) -> None:
        self.source.finished(trial)


class TrialQueue:
    """A list of trials, cut into pieces of `folds_per_trial` folds (0: whole), fixed packs never; complete ones are left out."""

    epochs = shared = False

    def __init__(self, trials: Sequence[Trial], store: RunStore, folds_per_trial: int = 0) -> None:
        self.pieces: list[Piece] = []
        for trial in trials:
            self.pieces += [(trial, folds) for folds in _cut(missing_folds(trial, store), folds_per_trial, trial.pack)]
        self._waiting: Iterator[Piece] = iter(self.pieces)

    def start_record(self, record: StudyRecord, store: RunStore) -> None:
        record.save(store)

    def update_record(self, record: StudyRecord, store: RunStore) -> None:
        """Nothing: the list is known before it trains."""

    def next(self) -> Piece | None:
        return next(self._waiting, None)

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """What is compared is trained whole: an ablation prunes nothing."""
        return False

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return False

    def finished(self, trial: Trial) -> None:
        pass


def _cut(folds: Sequence[int], size: int, pack: int) -> list[list[int]]:
    """Folds in pieces of `size` (0: all), or a fixed pack each: one worker would wait for another that trains half of its own.

    >>> _cut([1, 2, 3, 4, 5], 2, 1), _cut([2, 3, 4, 5], 1, 3)
    ([[1, 2], [3, 4], [5]], [[2, 3], [4, 5]])
    """
    if pack > 1 and size:
        return by_pack(folds, pack)
    size = size or max(1, len(folds))
    return [list(folds[start : start + size]) for start in range(0, len(folds), size)]


def missing_folds(trial: Trial, store: RunStore) -> list[int]:
    """Numbers of the trial's folds that have no record."""
    return [key.fold for key in trial.keys if key not in store]


def tune_searcher(source: StartedSource, folder: Path, cluster: Cluster, shares: GpuShares) -> tuple[Any, HandedOut]:
    """A Tune Searcher over a source, and what it has handed out. Where trials may be stacked, one of Tune's has `pack` folds."""
    from ray.tune.search import Searcher

    handed_out: HandedOut = {}
    running: set[str] = set()
    lost: list[HandedTrials] = []

    class SourceSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:
            if shares.wait(len(running)):
                return None  # Tune asks again
            handed = lost.pop() if lost else HandedTrials(source.gathered(cluster.pack), cluster.retries)
            if not handed.pieces:
                return None if running else Searcher.FINISHED
            running.add(trial_id)
            handed_out[trial_id] = handed
            return payload(handed.pieces, folder, source.epochs, shares.gpus)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            running.discard(trial_id)
            handed = handed_out[trial_id]
            if error and handed.retries:
                lost.append(HandedTrials(handed.pieces, handed.retries - 1))
                return
            for trial in handed.trials:
                source.finished(trial)

        def save(self, checkpoint_path: str) -> None:
            """Nothing to save: records are what a study resumes from."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore."""

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its searcher into a state that is never read; an empty object stands for ours."""
            return object, ()

    return SourceSearcher(metric="fold", mode="max"), handed_out


def tune_scheduler(source: Source, handed_out: HandedOut) -> Any:
    """A Tune scheduler that ends a trial when the source says so, of several that are trained together when it does of all."""
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    over: dict[str, set[int]] = {}

    class SourceScheduler(FIFOScheduler):
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            together = handed_out[trial.trial_id].trials
            reported, failed = together[result["piece"]], bool(result["failure"])
            if result.get("epoch"):
                ends = source.progressed(reported, result["epoch"], result["most"], result["dev"])
            else:
                ends = source.reported(reported, result["fold"], not failed and result["trained"], failed)
            if ends:
                over.setdefault(trial.trial_id, set()).add(result["piece"])
            return TrialScheduler.STOP if len(over.get(trial.trial_id, ())) == len(together) else TrialScheduler.CONTINUE

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            if not handed_out[trial.trial_id].retries:
                for each in handed_out[trial.trial_id].trials:
                    source.reported(each, 0, False, True)

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """As the searcher: what Tune keeps of it is never read."""
            return object, ()

    return SourceScheduler()
