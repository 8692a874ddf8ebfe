"""A worker shares the driver's folder, or works in a scratch folder and sends home what it makes."""

import copy
import fcntl
import os
import pickle
import stat
import tempfile
from pathlib import Path

import pytest

from cluster.transfer import worker_store
from cluster.transfer.parcel import Parcel
from cluster.transfer.worker_store import WorkerStore, scratch_folder
from cluster.trial import Trial
from cluster.tune.home import Home, state_key
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError

KEY = FoldKey("print", "split", 1)
TRIAL = Trial("it", 0, (), (KEY, FoldKey("print", "split", 2)))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A driver's store; temporary folders of this test; no Ray."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "driver").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(worker_store, "node_id", lambda: "node")
    yield Home(RunStore(tmp_path / "store"), tmp_path / "driver")
    for lock in worker_store._HELD.values():
        os.close(lock)
    worker_store._HELD.clear()


def elsewhere(home: Home) -> dict:
    """What a worker gets that does not see the folder."""
    return pickle.loads(pickle.dumps({**home.described([(TRIAL, [1, 2])]), "mark": "/nowhere/mark"}))


def worker_of(home: Home, reports: list) -> WorkerStore:
    worker = WorkerStore(elsewhere(home), reports.append)
    worker.pieces["print", "split"] = 0
    return worker


def test_a_worker_that_sees_the_mark_uses_the_folder_itself(home):
    home.store.folder.mkdir()
    reports = []
    worker = WorkerStore(home.described([(TRIAL, [1])]), reports.append)
    worker.store.write_state(KEY, b"state")
    worker.store.on_state(KEY)
    assert worker.shared and worker.store.folder == home.store.folder and worker.parcel(None) == {} and not reports
    home.mark.write_text("that of another driver")
    assert not WorkerStore(home.described([(TRIAL, [1])]), reports.append).shared


def test_checkpoints_come_home_and_go_when_the_record_comes(home):
    reports = []
    worker = worker_of(home, reports)
    for content in (b"one", b"two"):
        worker.store.write_state(KEY, content)
        worker.store.on_state(KEY)
        home.receive(reports[-1]["parcel"], [TRIAL])
        assert home.store.state_place(KEY).read_bytes() == content
        assert reports[-1]["parcel"].states == {} and reports[-1]["saved"]
    worker.store.write_state(KEY, b"")
    worker.store.on_state(KEY)
    assert len(reports) == 2, "the end of a checkpoint comes with the record"
    home.receive(worker.parcel()["parcel"], [TRIAL])
    assert not home.store.state_place(KEY).exists()
    worker.send_rest()
    assert len(reports) == 2 and home.senders == {"node"}


def test_the_next_worker_gets_the_checkpoint(home):
    home.store.write_state(KEY, b"as far as it was")
    reports = []
    worker = worker_of(home, reports)
    assert worker.store.state_place(KEY).read_bytes() == b"as far as it was"
    worker.store.write_state(KEY, b"")
    worker.store.on_state(KEY)
    worker.send_rest()
    home.receive(reports[0]["parcel"], [TRIAL])
    assert not home.store.state_place(KEY).exists()


def test_a_checkpoint_in_what_tune_keeps_is_small(home):
    home.store.write_state(KEY, b"x" * 10**6)
    (kept,) = home.described([(TRIAL, [1, 2])])["states"]
    assert copy.deepcopy(kept) is kept and kept._content == b""
    assert len(pickle.dumps(kept)) > 10**6 and pickle.loads(pickle.dumps(kept)).content == kept.content
    home.store.write_state(KEY, b"")
    assert len(pickle.dumps(kept)) < 1000


def test_a_checkpoint_that_is_too_large_stays_and_is_named_once(home, monkeypatch, capsys):
    monkeypatch.setattr(worker_store, "MOST_STATE_BYTES", 3)
    reports = []
    worker = worker_of(home, reports)
    for content in (b"1234", b"12345"):
        worker.store.write_state(KEY, content)
        worker.store.on_state(KEY)
    assert len(reports) == 1
    for _ in range(2):
        home.receive(Parcel("node", notice=reports[0]["parcel"].notice), [TRIAL])
    assert not home.store.state_place(KEY).exists()
    assert capsys.readouterr().err.count("too large to be sent") == 1


def test_a_fold_that_nobody_asked_for_is_refused(home):
    with pytest.raises(RecordError, match="not asked to train"):
        home.receive(Parcel("node", states={FoldKey("other", "split", 1): b"x"}), [TRIAL])


@pytest.mark.parametrize(("pack", "expected"), [(0, [1, 2, 3, 4, 5]), (1, [1, 2, 3, 4, 5]), (2, [1, 1, 3, 3, 5])])
def test_the_checkpoint_of_a_fixed_pack_lies_at_its_first_fold(pack, expected):
    trial = Trial("it", 0, (), (KEY,), pack)
    assert [state_key(trial, fold).fold for fold in (1, 2, 3, 4, 5)] == expected


def test_a_scratch_folder_is_private_and_one_left_behind_is_deleted(home):
    folder = scratch_folder("a" * 32)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and scratch_folder("a" * 32) == folder
    used, left, new = (folder.with_name(folder.name.replace("a" * 32, letter * 32)) for letter in "bcd")
    for other in (used, left, new):
        other.mkdir()
    with (used / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for other in (used, left):
            os.utime(other, (0, 0))
        scratch_folder("e" * 32)
    assert sorted(each.name[-1] for each in Path(tempfile.gettempdir()).iterdir()) == ["a", "b", "d", "e"]
