"""The worker's side: its store is the driver's folder if it shares that, else a scratch folder that is private to the node.

    <temporary folder>/ser-scratch-<user>-<token>/    features, records and checkpoints; deleted when the study ends
Every process that uses a scratch folder holds a lock on it. A folder without a lock was left by a killed study, and the next
worker on the node deletes it.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

from cluster.transfer.feature_files import fetch_features
from cluster.transfer.parcel import MOST_STATE_BYTES, Parcel
from ser_core.cross_validation.records import FoldKey, RunStore

Report = Callable[[dict[str, Any]], None]
_HELD: dict[Path, int] = {}
"""Locked files of this process by scratch folder. The system unlocks them when the process ends, however that happens."""


class WorkerStore:
    """The store of a worker. Without a shared folder it sends every record and checkpoint home.

    `pieces` maps (fingerprint, split) to the number of the piece in the payload; `report` is `tune.report`.
    """

    def __init__(self, home: Mapping[str, Any], report: Report) -> None:
        self.shared = shares(home)
        self.path = home["store"] if self.shared else str(scratch_folder(home["token"]))
        self.store = RunStore(self.path) if self.shared else RunStore(self.path, self._send_state)
        self.pieces: dict[tuple[str, str], int] = {}
        self._report = report
        self._at_home: set[FoldKey] = set()
        self._gone: dict[FoldKey, bytes] = {}
        self._said_too_large = False
        if not self.shared:
            fetch_features(home["features"], self.store.folder)
        for state in () if self.shared else home["states"]:
            if state.content:
                self.store.write_state(state.key, state.content)
                self._at_home.add(state.key)

    def parcel(self, key: FoldKey | None = None) -> dict[str, Parcel]:
        """Returns an entry for a report: the record of this fold, and which checkpoints are no longer needed."""
        if self.shared:
            return {}
        gone, self._gone = self._gone, {}
        return {"parcel": Parcel(node_id(), self.store.seal(key) if key else None, gone)}

    def send_rest(self) -> None:
        """Reports checkpoints that are no longer needed, if no report of a fold has done so."""
        for key in self._gone:
            self._report({**self._about(key), **self.parcel()})
            return

    def _send_state(self, key: FoldKey) -> None:
        """Sends the checkpoint of a fold home, or remembers that it is no longer needed."""
        place = self.store.state_place(key)
        if not place.exists():
            # Sent with the record: if the node dies in between, the driver still has the checkpoint.
            if key in self._at_home:
                self._gone[key] = b""
                self._at_home.discard(key)
            return
        parcel = Parcel(node_id())
        if content := self.store.read_state(key, MOST_STATE_BYTES):
            self._at_home.add(key)
            self._gone.pop(key, None)
            parcel.states[key] = content
        elif not self._said_too_large:
            self._said_too_large = True
            parcel.notice = (
                f"checkpoints of {place.stat().st_size / 1e6:.0f} MB are too large to be sent (limit "
                f"{MOST_STATE_BYTES / 1e6:.0f} MB): if a node is lost, its folds start again; a folder that all nodes share "
                "as run.store avoids that"
            )
        else:
            return
        self._report({**self._about(key), "parcel": parcel})

    def _about(self, key: FoldKey) -> dict[str, Any]:
        """Returns a report that ends no fold."""
        return {"piece": self.pieces[key.fingerprint, key.split], "fold": 0, "saved": True, "failure": ""}


def shares(home: Mapping[str, Any]) -> bool:
    """Whether this process sees the driver's store at the same path, and may write there."""
    try:
        return Path(home["mark"]).read_text() == home["token"] and os.access(home["store"], os.W_OK)
    except (OSError, ValueError):
        return False


def scratch_folder(token: str) -> Path:
    """Returns this node's scratch folder for a driver, made and locked. Deletes those that killed studies left."""
    folder = _scratch(token)
    if folder in _HELD:
        return folder
    for other in folder.parent.glob(f"{folder.name.removesuffix(token)}*"):
        if other != folder:
            _delete_unused(other)
    folder.mkdir(mode=0o700, exist_ok=True)
    _HELD[folder] = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(_HELD[folder], fcntl.LOCK_SH)
    return folder


def _scratch(token: str) -> Path:
    # The token is random, so nobody else can have made the folder. The user's number keeps others' folders out of the cleaning.
    return Path(tempfile.gettempdir()) / f"ser-scratch-{os.getuid()}-{token}"


def _delete_unused(folder: Path) -> None:
    """Deletes a scratch folder unless a process uses it, or has only just made it."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < 60:
            return
        with (folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def node_id() -> str:
    """Returns Ray's id of this node."""
    import ray

    return ray.get_runtime_context().get_node_id()


def delete_scratch(nodes: Set[str], token: str) -> None:
    """Deletes a driver's scratch folder on each of these nodes. Waits 10 s at most; a folder that stays is deleted later."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if not nodes:
        return
    delete = ray.remote(num_cpus=0)(_delete_here)
    with suppress(Exception):  # Ray may be going away; the next study cleans up
        living = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        places = [NodeAffinitySchedulingStrategy(node, False) for node in nodes & living]
        asked = [delete.options(scheduling_strategy=place).remote(token) for place in places]
        ray.wait(asked, num_returns=len(asked), timeout=10)


def _delete_here(token: str) -> None:
    shutil.rmtree(_scratch(token), ignore_errors=True)
