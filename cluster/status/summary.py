"""The summary of a study: its progress in one small file, so that nobody has to read every fold.

    <store>/studies/<study>/summary.json     written by the driver, at most every 2 s, and at its end
                            summary-<driver>.json     by further drivers of a search
A summary that is missing or older than its study is counted again from the records (cluster/status/recount.py). This module
imports neither PyTorch nor Ray, so `ser status` and `ser studies` start at once.
"""

import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ser_core.content_hashes import write_atomically

NAME = "summary.json"
VERSION = 1
"""Raised when the fields change; a file of another version is counted again."""
SILENT = 60.0
"""Seconds without a sign of life after which a driver on another machine may be dead. It gives one every 20 s while it trains."""
RUNNING, FINISHED, INTERRUPTED, FAILED, STOPPED = "running", "finished", "interrupted", "failed", "stopped"
DAMAGED = "damaged"
"""State of a study whose study.json cannot be read."""


@dataclasses.dataclass
class Running:
    """A trial that trains."""

    variant: str
    seed: int
    folds: list[int]
    """Folds without a report."""
    node: str
    """Its node, as "NAME (ADDRESS)"; empty until it is known."""
    since: float
    """When it started, or reported last, in seconds since 1970."""


@dataclasses.dataclass
class Failure:
    """A fold that failed, or a trial (fold 0 stands for all of its folds)."""

    where: str
    why: str
    node: str


@dataclasses.dataclass
class NodeUse:
    """What a node has done in this run of the study."""

    since: float
    """When the study first saw it."""
    slots: int = 0
    """Trials that it can train at once."""
    running: int = 0
    folds: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Training time of its folds."""
    busy: float = 0.0
    """Training time in trials that have not reported yet."""

    def used(self, now: float) -> float:
        """Returns its utilisation: training time over the time that its slots were there, between 0 and 1."""
        there = self.slots * (now - self.since)
        return min(1.0, (self.seconds + self.busy) / there) if there > 0 else 0.0


@dataclasses.dataclass
class Summary:
    """Progress of a study. Times are in seconds."""

    study: str
    kind: str
    name: str
    question: str
    command: str
    state: str
    """running, finished, interrupted or failed, as its driver wrote it. `state_of` finds drivers that died: stopped."""
    total: int = 0
    """Folds of the study; 0 if only a budget of time ends it."""
    done: int = 0
    """Folds with a record."""
    trained: int = 0
    """Folds that this run has trained."""
    failed: int = 0
    pruned: int = 0
    """Trials that ended early by their scores."""
    spared: int = 0
    """Folds that trials which ended early did not train."""
    running: list[Running] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    """The first failures; `failed` counts all."""
    nodes: dict[str, NodeUse] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    """Training time of all folds that the study trained, in all of its runs."""
    cpu_seconds: float = 0.0
    """Core-seconds that were reserved for it."""
    gpu_seconds: float = 0.0
    """GPU-seconds that were reserved for it. Half a GPU for 10 s is 5."""
    price: float = 0.0
    """Price per GPU-hour; 0 if unknown."""
    estimate: float | None = None
    """Seconds to the end; None if unknown."""
    began: float = 0.0
    updated: float = 0.0
    measured: float = 0.0
    """When the use of nodes was measured last, which ends with the last trial."""
    host: str = ""
    """Machine of the driver."""
    pid: int = 0
    process_started: float = 0.0
    counted: bool = False
    """Whether it was counted from the records, so nodes, failures and runs are unknown."""
    version: int = VERSION

    @property
    def cost(self) -> float:
        """Cost of the GPU-hours so far; 0 if there is no price."""
        return self.gpu_seconds / 3600 * self.price

    def plain(self) -> dict[str, Any]:
        """Returns plain data with what follows from the fields: cost, and the utilisation of each node."""
        found = dataclasses.asdict(self)
        for name, node in self.nodes.items():
            found["nodes"][name]["used"] = round(node.used(self.measured), 3)
        return {**found, "cost": round(self.cost, 4)}


def write_summary(summary: Summary, file: Path) -> None:
    """Writes a summary atomically."""
    write_atomically(file, json.dumps(dataclasses.asdict(summary)))


def read_summary(file: Path) -> Summary | None:
    """Reads a summary. Returns None if there is none of this version, or it is damaged."""
    try:
        fields: dict[str, Any] = json.loads(file.read_bytes())
        if fields["version"] != VERSION:
            return None
        fields["running"] = [Running(**each) for each in fields["running"]]
        fields["failures"] = [Failure(**each) for each in fields["failures"]]
        fields["nodes"] = {name: NodeUse(**each) for name, each in fields["nodes"].items()}
        return Summary(**fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def this_process() -> dict[str, Any]:
    """Returns the fields that say which process drives a study."""
    import psutil

    return {"host": socket.gethostname(), "pid": os.getpid(), "process_started": psutil.Process().create_time()}


def state_of(summary: Summary, folder: Path) -> str:
    """Returns the state, `stopped` for a study whose driver died: its process is gone, or it is silent and holds no lock."""
    if summary.state != RUNNING:
        return summary.state
    if summary.host == socket.gethostname():
        return RUNNING if _lives(summary.pid, summary.process_started) else STOPPED
    silent = time.time() - summary.updated > SILENT
    return STOPPED if silent and not _locked(folder / ".lock") else RUNNING


def _lives(pid: int, started: float) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        # The system reuses pids.
        return abs(psutil.Process(pid).create_time() - started) < 2
    return False


def _locked(file: Path) -> bool:
    """Whether a driver holds the lock of a study, as far as this machine can see."""
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def merged(first: Summary, others: Sequence[Summary]) -> Summary:
    """Returns the summary of a search with several drivers, of which `others` train: what they do together."""
    found = dataclasses.replace(first, nodes=dict(first.nodes), state=RUNNING)
    for other in others:
        found.total, found.done = max(found.total, other.total), max(found.done, other.done)
        found.pruned, found.spared = max(found.pruned, other.pruned), max(found.spared, other.spared)
        found.updated, found.began = max(found.updated, other.updated), min(found.began, other.began)
        found.measured = max(found.measured, other.measured)
        for field in ("trained", "failed", "seconds", "cpu_seconds", "gpu_seconds"):
            setattr(found, field, getattr(found, field) + getattr(other, field))
        found.running, found.failures = found.running + other.running, found.failures + other.failures
        for name, node in other.nodes.items():
            known = found.nodes.get(name)
            added = ("running", "folds", "failed", "seconds", "busy")
            sums = {field: getattr(known, field) + getattr(node, field) for field in added} if known else {}
            found.nodes[name] = dataclasses.replace(known, **sums) if known else node
    return found
