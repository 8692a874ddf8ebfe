"""The events that training yields: the progress of a fold, and its result."""

import dataclasses

from ser_core.cross_validation.records import FoldRecord


@dataclasses.dataclass(frozen=True)
class Progress:
    """Progress of a fold: its number, the epoch, the development score, and the share of its epochs used."""

    fold: int
    epoch: int
    dev: float
    spent: float


@dataclasses.dataclass(frozen=True)
class PackEpoch:
    """Joint progress of folds that train as one program, after each of them that is still running has trained an epoch.

    `dev` is the mean over the folds of the score that chooses their epochs: the highest running mean of development scores.
    """

    epoch: int
    most: int
    """Maximum number of epochs."""
    dev: float


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A finished fold: its development part (the test part stays in the store), and whether it was trained in this call."""

    record: FoldRecord
    trained: bool

    @property
    def fold(self) -> int:
        """Its number."""
        return self.record.key.fold


@dataclasses.dataclass(frozen=True)
class FoldFailed:
    """A fold that cannot be trained, and the reason: a TrainingError or any other exception."""

    fold: int
    error: Exception


Event = Progress | PackEpoch | FoldResult | FoldFailed
