"""What training tells while it goes on: where a fold stands, and what became of it."""

import dataclasses

from ser_core.cross_validation.records import FoldRecord


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a fold stands: its number, the epoch, the development score, and the share of its epochs spent."""

    fold: int
    epoch: int
    dev: float
    spent: float


@dataclasses.dataclass(frozen=True)
class PackEpoch:
    """Where folds that train as one program stand together, after an epoch of each that has not stopped.

    `dev` is the mean over them of what an epoch is chosen by, the greatest running mean of development scores so far.
    """

    epoch: int
    most: int
    """Epochs that there can be."""
    dev: float


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A fold that is done: its development part (the test part stays in the store), and whether it was trained now."""

    record: FoldRecord
    trained: bool

    @property
    def fold(self) -> int:
        """Its number."""
        return self.record.key.fold


@dataclasses.dataclass(frozen=True)
class FoldFailed:
    """A fold that cannot be trained, and why: a TrainingError, or whatever else was raised."""

    fold: int
    error: Exception


Event = Progress | PackEpoch | FoldResult | FoldFailed
