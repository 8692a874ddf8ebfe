"""The driver's side: it marks its store, sends checkpoints with the trials, and writes what workers send home.

<store>/ray/<driver>/mark     a random token: a worker that reads it at this path shares the folder and writes there itself
Parcel --receive--> <store>/folds/...     from all other workers; the sealed files are written without being read
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.notices import print_notices
from cluster.transfer.feature_files import FeatureFiles
from cluster.transfer.parcel import Parcel, SavedState
from cluster.transfer.worker_store import delete_scratch
from cluster.trial import PROTOCOL, Piece, Trial
from cluster.tune.nodes import Nodes
from cluster.tune.resources import Cluster
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError

OTHER_VERSION = "its Bridgework is another version; bring it to the driver's and restart its Ray"


class Home:
    """The store of a driver, as its workers find it."""

    def __init__(self, store: RunStore, folder: Path, nodes: Nodes | None = None) -> None:
        self.nodes = nodes or Nodes(Cluster())
        self.store, self.mark, self.token = store, folder / "mark", secrets.token_hex(16)
        self.mark.write_text(self.token)
        self.features = FeatureFiles(store.folder / "cache") if self.nodes.joined else None
        self.refused: set[str] = set()
        """Ids of the Tune trials that a node would not train. They cost no retry."""
        self.senders: set[str] = set()
        """Ids of the nodes from which parcels came."""
        self._said: set[str] = set()

    def described(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """Returns what a worker needs to find the store, and the checkpoints of these folds in case that it does not."""
        keys = dict.fromkeys(state_key(trial, fold) for trial, folds in pieces for fold in folds)
        states = [SavedState(key, self.store) for key in keys if self.store.state_place(key).exists()]
        paths = self.nodes.cluster.paths
        place: dict[str, Any] = {"store": str(self.store.folder), "mark": str(self.mark), "token": self.token, "paths": paths}
        features = self.features.listed() if self.features else {}
        return {**place, "states": states, "facts": self.nodes.facts, "selector": self.nodes.selector(), "features": features}

    def refuses(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Whether a report shows that its node must not train. Leaves the node out then; raises as `Nodes.leave_out`."""
        if not self.nodes.joined or not (result.get("unfit") or result.get("protocol") != PROTOCOL):
            return False
        self.refused.add(trial_id)
        node = result.get("unfit") or self.nodes.named(result.get("hostname", ""), result.get("node_ip", ""))
        self.nodes.leave_out(node, result["failure"] if result.get("unfit") else OTHER_VERSION)
        return True

    def receive(self, parcel: Parcel | None, trials: Sequence[Trial]) -> None:
        """Writes the contents of a parcel and empties it. Raises RecordError for folds that are not of these trials."""
        if parcel is None:
            return
        self.senders.add(parcel.node)
        record, states = parcel.record, parcel.take_states()
        parcel.record = None
        ours = {(key.fingerprint, key.split) for trial in trials for key in trial.keys}
        for key in (*states, *([record.key] if record else [])):
            if (key.fingerprint, key.split) not in ours:
                raise RecordError(f"a worker has sent {key}, which it was not asked to train")
        # The record first: its checkpoint is then no longer needed.
        if record:
            self.store.receive(record)
        for key, content in states.items():
            self.store.write_state(key, content)
        if parcel.notice and parcel.notice not in self._said:
            self._said.add(parcel.notice)
            print_notices([parcel.notice])

    def close(self) -> None:
        """Deletes the scratch folders of the nodes that have sent something. Ray must still run."""
        delete_scratch(self.senders, self.token)


def state_key(trial: Trial, fold: int) -> FoldKey:
    """Returns the key under which the checkpoint of a fold lies: its own, or that of the first fold of its fixed pack."""
    first = (fold - 1) // trial.pack * trial.pack + 1 if trial.pack else fold
    return FoldKey(trial.keys[0].fingerprint, trial.keys[0].split, first)
