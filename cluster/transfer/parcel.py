"""What travels between a driver and its workers besides reports: sealed records, and checkpoints of folds in training.

    driver --SavedState in the payload--> worker          worker --Parcel in a report--> driver
Both are small objects in what Ray Tune keeps: a SavedState reads its file only when Ray sends it, a Parcel is emptied on arrival.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ser_core.cross_validation.records import FoldKey, RunStore, SealedRecord

MOST_STATE_BYTES = 64 * 2**20
"""Largest checkpoint that travels. It passes through Ray's object store, for which we reserve 200 MB. A larger one stays on its
node, so the loss of that node costs all work on the fold; models with a trained encoder are the usual case."""


@dataclasses.dataclass
class Parcel:
    """Sent with the report of a worker that has its own store. The driver empties it before anything else sees the report."""

    node: str
    """Ray's id of the worker's node."""
    record: SealedRecord | None = None
    states: dict[FoldKey, bytes] = dataclasses.field(default_factory=dict)
    """Newest checkpoints; b"" for those that are no longer needed."""
    notice: str = ""
    """A sentence for the user."""

    def take_states(self) -> Mapping[FoldKey, bytes]:
        """Returns the checkpoints and forgets them."""
        states, self.states = self.states, {}
        return states


class SavedState:
    """A checkpoint in the driver's store, on its way to a worker."""

    def __init__(self, key: FoldKey, store: RunStore | None, content: bytes = b"") -> None:
        self.key, self.store, self._content = key, store, content

    @property
    def content(self) -> bytes:
        """The checkpoint, or b"" if it has gone meanwhile or is too large to travel."""
        return self.store.read_state(self.key, MOST_STATE_BYTES) if self.store else self._content

    def __deepcopy__(self, memo: dict[int, Any]) -> "SavedState":
        """Returns itself: Tune copies each payload, and a copy by pickling would hold the content."""
        return self

    def __reduce__(self) -> tuple[type["SavedState"], tuple[FoldKey, None, bytes]]:
        return SavedState, (self.key, None, self.content)

    def __repr__(self) -> str:
        return f"SavedState({self.key})"
