"""The process that writes to MLflow: same runs however often it is asked, errors as sentences, and an end with its driver."""

import contextlib
import dataclasses
import os
import signal
import sqlite3
from pathlib import Path

import psutil
import pytest

from cluster.study_record import Ended, StudyRecord
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.trial import Trial
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from tests.cluster.conftest import Shown, until
from tests.cluster.conftest import shown as shown_in
from tests.cluster.recorded import make, write


@pytest.fixture
def study(tmp_path: Path) -> tuple[StudyRecord, RunStore, list[Trial]]:
    """Two trials of three folds; all but the last fold are recorded."""
    store, trials = RunStore(tmp_path / "bridgework"), [make(3)(["x=0.1"]), make(3)(["x=0.9"])]
    for key in [key for trial in trials for key in trial.keys][:-1]:
        write(store, key)
    return StudyRecord("study-1", "search", "study", "Which?", "uar", [], trials, "ser search"), store, trials


def tracker(record: StudyRecord, store: RunStore) -> Tracker:
    return Tracker(record, store, tracking_uri(store, ""), show_test=False)


def rows(runs: list[Shown]) -> list[tuple[str, str, dict[str, float]]]:
    return sorted((run.tags["ser.key"], run.status, run.metrics) for run in runs)


def test_what_was_told_and_what_was_not_is_shown_once(study: tuple[StudyRecord, RunStore, list[Trial]], tmp_path: Path) -> None:
    record, store, trials = study
    record.ended[trials[1].keys[0].fingerprint] = Ended(2, "it was behind", pruned=True)
    first = tracker(record, store)
    first.start()
    first.fold(trials[0], trials[0].keys[1])
    first.fold(trials[0], trials[0].keys[1])
    first.failure(trials[1], 3, "no memory")
    root = first.finish({}, complete=True)
    assert first.up_to_date()
    before = shown_in(tmp_path)
    assert {run.status for run in before if run.kind == "fold"} == {"FINISHED"}
    assert len([run for run in before if run.kind == "fold"]) == 5
    means = {run.tags["ser.key"]: run for run in before if run.kind == "trial"}
    assert {key: run.status for key, run in means.items()} == {"study-1/x=0.1/0": "FINISHED", "study-1/x=0.9/0": "KILLED"}
    pruned = means["study-1/x=0.9/0"]
    assert pruned.tags["ser.pruned"] == "after 2 folds: it was behind"
    assert pruned.tags["ser.failure.03"] == "no memory"
    dev = [store.load(key).dev["uar"] for key in trials[1].keys[:2]]
    assert pruned.metrics["dev.uar"] == pytest.approx(sum(dev) / 2)
    assert tracker(record, store).finish({}, complete=True) == root
    assert rows(shown_in(tmp_path)) == rows(before)


def test_half_written_runs_are_replaced(study: tuple[StudyRecord, RunStore, list[Trial]], tmp_path: Path) -> None:
    record, store, _ = study
    tracker(record, store).finish({}, complete=True)
    before = rows(shown_in(tmp_path))
    with contextlib.closing(sqlite3.connect(tmp_path / "bridgework" / "mlflow.db")) as database:
        database.execute("update runs set status = 'RUNNING' where name like 'fold 02%'")
        database.execute("delete from latest_metrics where run_uuid in (select run_uuid from runs where status = 'RUNNING')")
        database.commit()
    tracker(record, store).finish({}, complete=True)
    assert rows(shown_in(tmp_path)) == before


def test_a_database_that_cannot_be_used_is_a_sentence(study: tuple[StudyRecord, RunStore, list[Trial]], tmp_path: Path) -> None:
    record, store, trials = study
    (tmp_path / "bridgework" / "mlflow.db").write_bytes(b"this is no database" * 100)
    one = tracker(record, store)
    one.start()
    one.fold(trials[0], trials[0].keys[0])
    with pytest.raises(RecordError, match="the records are intact"):
        one.finish({}, complete=True)
    assert not one.up_to_date()


def test_a_writer_that_was_killed_is_named_and_what_is_missing_is_shown_by_the_next(
    study: tuple[StudyRecord, RunStore, list[Trial]], tmp_path: Path
) -> None:
    record, store, trials = study
    one = tracker(record, store)
    one.start()
    assert one._writer
    one._writer.kill()
    one._writer.wait()
    one.fold(trials[0], trials[0].keys[0])
    with pytest.raises(RuntimeError, match=f"ended with code -{signal.SIGKILL:d}"):
        one.finish({}, complete=True)
    tracker(dataclasses.replace(record), store).finish({}, complete=True)
    assert len([run for run in shown_in(tmp_path) if run.kind == "fold"]) == 5


def test_the_writer_outlives_neither_a_close_nor_the_end_of_its_input(
    study: tuple[StudyRecord, RunStore, list[Trial]],
) -> None:
    record, store, _ = study
    for close in (True, False):
        one = tracker(record, store)
        one.start()
        assert one._writer and one._writer.stdin
        process = psutil.Process(one._writer.pid)
        if close:
            one.close()
        else:
            until((store.folder / "mlflow.db").exists, 60, "the writer")
            os.kill(process.pid, signal.SIGINT)
            os.kill(process.pid, signal.SIGTERM)
            one._queue.put(None)
            one._writer.stdin.close()
            assert one._writer.wait(60) == 0
            one.close()
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
