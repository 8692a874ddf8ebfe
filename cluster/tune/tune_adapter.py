"""Connects a source of trials to Ray Tune: a small Searcher hands out trials, a small scheduler ends them early.

TrialQueue [a, b, c]   --next-->  Trial --> Tune --fold--> reported --> continue or stop
OptunaTrials           --next-->                --end---> finished
"""

import dataclasses
import statistics
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from cluster.study_record import StudyRecord
from cluster.trial import Piece, Trial, payload
from cluster.tune.gpu_shares import GpuShares
from cluster.tune.home import Home
from cluster.tune.resources import Cluster
from ser_core.cross_validation.plan import by_pack
from ser_core.cross_validation.records import RunStore


class Source(Protocol):
    """Hands out trials with the folds still to train, and is notified when they are done."""

    epochs: bool
    """Whether `progressed` should be called after each epoch, when all folds of a trial train as one program."""

    @property
    def shared(self) -> bool:
        """Whether other drivers may work on the same study."""
        ...

    fixed: bool
    """Whether its trials are known beforehand, so that several may travel together. A search decides after each fold."""

    @property
    def wanted(self) -> int:
        """How many more trials `next` may return, at most."""
        ...

    def start_record(self, record: StudyRecord, store: RunStore) -> None:
        """Writes the study's record before anything trains."""
        ...

    def update_record(self, record: StudyRecord, store: RunStore) -> None:
        """Writes the decisions of the source since the last call."""
        ...

    def next(self) -> Piece | None:
        """Returns the next trial, or None when there are no more."""
        ...

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """Handles a reported fold (0: all folds of the trial). Returns True to end the trial."""
        ...

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        """Handles `dev`, the best development score so far (mean over folds), after `epoch` of `most`. True ends the trial."""
        ...

    def finished(self, trial: Trial) -> None:
        """Handles the end of a trial, whether it was complete, failed or stopped."""
        ...


@dataclasses.dataclass(frozen=True)
class HandedTrials:
    """The pieces of one Tune trial. They are handed out again if the worker dies; Tune does not retry between two trials."""

    pieces: list[Piece]
    retries: int
    """How many more times it may be handed out."""
    started: float = dataclasses.field(default_factory=time.monotonic)
    """When it was put together, in seconds of time.monotonic."""
    reported: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    """Numbers of the pieces and of their folds that have been reported. Fold 0 stands for all folds of its piece."""

    @property
    def trials(self) -> list[Trial]:
        return [trial for trial, _ in self.pieces]

    @property
    def left(self) -> list[Piece]:
        """The pieces with the folds that have not been reported. A piece without such folds keeps its place."""
        return [
            (trial, [fold for fold in folds if not {(number, 0), (number, fold)} & self.reported])
            for number, (trial, folds) in enumerate(self.pieces)
        ]

    @property
    def unfinished(self) -> list[Trial]:
        """The trials with folds that have not been reported."""
        return [trial for trial, folds in self.left if folds]

    def again(self, error: bool, refused: bool = False) -> "list[HandedTrials]":
        """Returns what to hand out again after an error, or because its node would not train it."""
        if refused:
            return [HandedTrials(self.left, self.retries)]
        if not (error and self.retries and self.unfinished):
            return []
        if any(not trial.pack for trial in self.trials):
            return [HandedTrials(self.left, self.retries - 1)]
        # One by one: a fold that ends its worker shall not cost those that travelled with it.
        return [HandedTrials([piece], self.retries - 1) for piece in self.left if piece[1]]


SHORT = 10.0
"""Seconds that a trial of an ablation should last. Tune takes 6 ms of the driver per trial and 2 ms per fold."""
MANY = 10_000
"""Trials at once where nothing else limits them."""
HandedOut = dict[str, HandedTrials]
"""Handed-out trials by the id of the Tune trial."""


class StartedSource:
    """A source whose first trial is already taken, to check whether there is anything to train."""

    def __init__(self, source: Source) -> None:
        self.source, self.epochs = source, source.epochs
        self.first = source.next()
        self._took: deque[float] = deque(maxlen=10)
        self._lost: list[HandedTrials] = []

    def next(self) -> Piece | None:
        first, self.first = self.first, None
        return first or self.source.next()

    def hand_out(self, cluster: Cluster, at_once: int) -> HandedTrials:
        """Returns the next Tune trial: one that was lost, else new ones. It is empty at the end."""
        return self._lost.pop() if self._lost else HandedTrials(self.gathered(cluster.pack, at_once), cluster.retries)

    def take_back(self, handed: HandedTrials, error: bool, refused: bool) -> None:
        """Handles the end of a Tune trial. What its worker or node has left undone is handed out again."""
        if not (error or refused):
            self.note_time(handed)
        again = handed.again(error, refused)
        self._lost.extend(again)
        for trial in () if again else handed.trials:
            self.source.finished(trial)

    def gathered(self, pack: int, at_once: int = 1) -> list[Piece]:
        """Returns the next trial; if trials may be stacked, adds more until they hold `pack` folds. Returns [] at the end.

        Short folds of an ablation travel together. With `at_once` trials, a trial gets at most half of its share of what is left.
        """
        pieces: list[Piece] = []
        together = self._together(at_once)
        while piece := self.next():
            pieces.append(piece)
            # Trials with optim.pack=0 may be stacked with others.
            if sum(len(folds) for _, folds in pieces) >= (together if piece[0].pack else pack):
                break
        return pieces

    def note_time(self, handed: HandedTrials) -> None:
        """Notes how long a fold of this trial, which has just ended, took on average."""
        self._took.append((time.monotonic() - handed.started) / sum(len(folds) for _, folds in handed.pieces))

    def _together(self, at_once: int) -> int:
        """Returns how many folds the next trial gets: so many that it lasts SHORT seconds, one while nothing is known."""
        if not self.source.fixed or not self._took:
            return 1
        share = self.source.wanted // (2 * at_once)
        return max(1, min(share, int(SHORT / max(statistics.median(self._took), 0.01))))

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        return self.source.reported(trial, fold, trained, failed)

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return self.source.progressed(trial, epoch, most, dev)


class TrialQueue:
    """A list of trials, cut into pieces of `folds_per_trial` folds (0: one piece per trial). Skips complete trials.

    A fixed pack is never cut.
    """

    epochs = shared = False
    fixed = True

    def __init__(self, trials: Sequence[Trial], store: RunStore, folds_per_trial: int = 0) -> None:
        self.pieces: list[Piece] = []
        for trial in trials:
            self.pieces += [(trial, folds) for folds in _cut(missing_folds(trial, store), folds_per_trial, trial.pack)]
        self._next = 0

    @property
    def wanted(self) -> int:
        return len(self.pieces) - self._next

    def start_record(self, record: StudyRecord, store: RunStore) -> None:
        record.save(store)

    def update_record(self, record: StudyRecord, store: RunStore) -> None:
        """Does nothing, since the list is fixed before training."""

    def next(self) -> Piece | None:
        self._next += 1
        return self.pieces[self._next - 1] if self._next <= len(self.pieces) else None

    def reported(self, trial: Trial, fold: int, trained: bool, failed: bool) -> bool:
        """Returns False: an ablation never prunes, so every trial trains all folds."""
        return False

    def progressed(self, trial: Trial, epoch: int, most: int, dev: float) -> bool:
        return False

    def finished(self, trial: Trial) -> None:
        pass


def _cut(folds: Sequence[int], size: int, pack: int) -> list[list[int]]:
    """Cuts folds into pieces of `size` (0: one piece), or of a fixed pack, since a split pack would make one worker wait.

    >>> _cut([1, 2, 3, 4, 5], 2, 1), _cut([2, 3, 4, 5], 1, 3)
    ([[1, 2], [3, 4], [5]], [[2, 3], [4, 5]])
    """
    if pack > 1 and size:
        return by_pack(folds, pack)
    size = size or max(1, len(folds))
    return [list(folds[start : start + size]) for start in range(0, len(folds), size)]


def missing_folds(trial: Trial, store: RunStore) -> list[int]:
    """Returns the numbers of the trial's folds that have no record."""
    return [key.fold for key in trial.keys if key not in store]


def tune_searcher(
    source: StartedSource, folder: Path, cluster: Cluster, shares: GpuShares, home: Home | None = None
) -> tuple[Any, HandedOut]:
    """Returns a Tune Searcher over a source, and its handed-out trials. One Tune trial may stack about `pack` folds."""
    from ray.tune.search import Searcher

    handed_out: HandedOut = {}
    running: set[str] = set()

    class SourceSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:
            at_once = home.nodes.trials_at_once() if home else MANY
            if shares.wait(len(running)) or len(running) >= at_once:
                return None  # Tune asks again
            handed = source.hand_out(cluster, at_once)
            if not handed.pieces:
                # While trials run, one of them may die and be handed out again.
                return None if running else Searcher.FINISHED
            running.add(trial_id)
            handed_out[trial_id] = handed
            return payload(handed.pieces, folder, source.epochs, shares.gpus, home and home.described(handed.pieces))

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            running.discard(trial_id)
            source.take_back(handed_out[trial_id], error, bool(home and trial_id in home.refused))

        def save(self, checkpoint_path: str) -> None:
            """Nothing to save: records are what a study resumes from."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore."""

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its searcher into a state that we never read, so an empty object replaces ours."""
            return object, ()

    return SourceSearcher(metric="fold", mode="max"), handed_out


def tune_scheduler(source: Source, handed_out: HandedOut, home: Home | None = None) -> Any:
    """Returns a Tune scheduler that ends a trial when the source asks for it. Stacked trials end only when all should end.

    It sees a report first of all, so it also writes the records that come with it.
    """
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    over: dict[str, set[int]] = {}

    class SourceScheduler(FIFOScheduler):
        def choose_trial_to_run(self, tune_controller: Any) -> None:
            """Leaves the choice to Tune, which gives a free worker to a new trial.

            FIFOScheduler gives it to a trial whose own worker is starting, and Tune then stops that worker. While trials are
            shorter than such a start, a node that has joined is never used.
            """

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            handed = handed_out[trial.trial_id]
            together = handed.trials
            if home and not _bring_home(home, trial.trial_id, result, together):
                return TrialScheduler.STOP
            if result.get("saved"):  # only a checkpoint
                return TrialScheduler.CONTINUE
            if _ends(source, handed, result):
                over.setdefault(trial.trial_id, set()).add(result["piece"])
            return TrialScheduler.STOP if len(over.get(trial.trial_id, ())) == len(together) else TrialScheduler.CONTINUE

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            if not handed_out[trial.trial_id].retries:
                for each in handed_out[trial.trial_id].unfinished:
                    source.reported(each, 0, False, True)

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune never reads its pickled state, as for the searcher."""
            return object, ()

    return SourceScheduler()


def _bring_home(home: Home, trial_id: str, result: dict[str, Any], trials: Sequence[Trial]) -> bool:
    """Writes the records that come with a report. Returns False if the node would not train the trial."""
    if home.refuses(trial_id, result):
        return False
    home.receive(result.get("parcel"), trials)
    return True


def _ends(source: Source, handed: HandedTrials, result: dict[str, Any]) -> bool:
    """Tells the source about a report. Returns whether it ends the trial of that piece."""
    trial, failed = handed.trials[result["piece"]], bool(result["failure"])
    if result.get("epoch"):
        return source.progressed(trial, result["epoch"], result["most"], result["dev"])
    handed.reported.add((result["piece"], result["fold"]))
    return source.reported(trial, result["fold"], not failed and result["trained"], failed)
