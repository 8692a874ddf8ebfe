"""A summary survives the disk, says when its driver died, and merges those of several drivers."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from cluster.status.summary import (
    FINISHED,
    NAME,
    RUNNING,
    SILENT,
    STOPPED,
    Failure,
    NodeUse,
    Running,
    Summary,
    merged,
    read_summary,
    state_of,
    this_process,
    write_summary,
)


def summary(**fields: object) -> Summary:
    """A running study of this process, on one node."""
    node = NodeUse(since=100.0, slots=4, running=1, folds=3, seconds=60.0, busy=20.0)
    given = {"total": 9, "done": 3, "gpu_seconds": 1800.0, "price": 4.0, "updated": 120.0, "measured": 120.0, **this_process()}
    running, failures = [Running("a", 0, [4, 5], "n (1)", 110.0)], [Failure("a, seed 0, fold 2", "no memory", "n (1)")]
    made = Summary(
        "s-1", "ablation", "s", "?", "ser ablate s", RUNNING, running=running, failures=failures, nodes={"n (1)": node}
    )
    return dataclasses.replace(made, **{**given, **fields})


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_summary(summary(), tmp_path / NAME)
    assert read_summary(tmp_path / NAME) == summary()
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}', '{"version": 1}', None])
def test_what_is_no_summary_of_this_version_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / NAME).write_text(text)
    assert read_summary(tmp_path / NAME) is None


def test_plain_data_has_the_cost_and_the_use_of_nodes() -> None:
    plain = json.loads(json.dumps(summary().plain()))
    assert plain["cost"] == 2.0
    assert plain["nodes"]["n (1)"]["used"] == 1.0, "80 s of training in 4 slots of 20 s"
    assert NodeUse(since=100.0, slots=4, seconds=20.0).used(110.0) == 0.5
    assert NodeUse(since=100.0).used(110.0) == 0.0


def test_a_process_that_is_gone_has_stopped(tmp_path: Path) -> None:
    assert state_of(summary(), tmp_path) == RUNNING
    assert state_of(summary(state=FINISHED), tmp_path) == FINISHED
    assert state_of(summary(process_started=time.time() - 10**6), tmp_path) == STOPPED, "another process has its number"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert state_of(summary(pid=ended.pid), tmp_path) == STOPPED


def test_a_driver_on_another_machine_has_stopped_if_it_is_silent_and_holds_no_lock(tmp_path: Path) -> None:
    away = {"host": f"not-{socket.gethostname()}", "pid": os.getpid()}
    silent = summary(**away, updated=time.time() - SILENT - 1)
    assert state_of(summary(**away, updated=time.time()), tmp_path) == RUNNING
    assert state_of(silent, tmp_path) == STOPPED
    with FileLock(tmp_path / ".lock"):
        assert state_of(silent, tmp_path) == RUNNING
    assert state_of(silent, tmp_path) == STOPPED


def test_several_drivers_are_one_study() -> None:
    other = summary(done=5, nodes={"n (1)": NodeUse(90.0, 4, 2, 1, 0, 5.0), "m (2)": NodeUse(90.0, 1)})
    both = merged(summary(state=FINISHED), [other])
    assert (both.state, both.done, both.gpu_seconds, len(both.running)) == (RUNNING, 5, 3600.0, 2)
    assert both.nodes["n (1)"].running == 3 and both.nodes["n (1)"].seconds == 65.0 and set(both.nodes) == {"n (1)", "m (2)"}
