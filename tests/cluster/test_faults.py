"""A study that is killed, interrupted, loses a worker or meets folds that cannot be trained ends whole all the same."""

import collections
import contextlib
import os
import re
import signal
import subprocess
import sys

import psutil

from ablations.studies.fusion import COMPARED
from cluster.looks.ledger import looks
from cluster.tune.session import MARK
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import SMALL, ended, records, ser, shown, started, until

FOLDS = len(COMPARED) * 2 * 4


def marked(driver: int) -> list[psutil.Process]:
    """Ray processes of the driver with this pid, dead or alive."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").rpartition("-")[0].endswith(f"-{driver}"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def training(driver: int) -> list[psutil.Process]:
    """Workers of the driver that are at a trial."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(driver).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = " ".join(process.cmdline())
                if name.startswith("ray::") and "IDLE" not in name and "Agent" not in name:
                    found.append(process)
    return found


def test_a_study_survives_what_kills_it(tmp_path):
    """Ctrl-C after 2 records, kill -9 after 6 and after 12, then the death of a worker: every fold is trained once."""
    command = ("ablate", "fusion", *SMALL, "--seeds", "2")
    stamps: dict[str, tuple[int, int]] = {}
    orphans: list[psutil.Process] = []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, env={**os.environ, MARK: "elsewhere-1-1"}) as other:
        for blow, count in ((signal.SIGINT, 2), (signal.SIGKILL, 6), (signal.SIGKILL, 12)):
            with started(tmp_path, *command) as driver:
                until(lambda count=count: len(records(tmp_path)) >= count or driver.poll() is not None, 240, f"{count} folds")
                assert stamps.items() <= records(tmp_path).items(), "a fold was trained twice"
                assert not any(orphan.is_running() for orphan in orphans), "the killed driver's Ray still runs"
                orphans = marked(driver.pid)
                assert orphans
                driver.send_signal(blow)
                ran = ended(driver, 60)
                stamps |= records(tmp_path)
            assert kinds_of_looks(tmp_path) == ["partial"], "test scores were shown without a look"
            if blow == signal.SIGINT:
                assert ran.code == 130
                assert "stopped; " in ran.out
                assert ran.err == ""
                assert "RUNNING" not in {run.status for run in shown(tmp_path)}
                assert not any(orphan.is_running() for orphan in orphans), "Ray runs on after Ctrl-C"
        assert len(stamps) < FOLDS
        last, worker_died = end_with_a_dead_worker(tmp_path, command)
        assert other.poll() is None
        other.communicate(b"\n")
    assert worker_died
    assert kinds_of_looks(tmp_path) == ["partial", "table"]
    assert last.code == 0, last.err
    assert not any(orphan.is_running() for orphan in orphans)
    after = records(tmp_path)
    assert len(after) == FOLDS
    assert stamps.items() <= after.items()
    assert_each_fold_is_shown_once(tmp_path)
    trained, found = map(int, re.findall(r"(\d+) folds trained, (\d+) already recorded", last.out)[0])
    assert trained + found == FOLDS
    assert found >= len(stamps)


def assert_each_fold_is_shown_once(folder):
    runs = shown(folder)
    assert {run.status for run in runs} == {"FINISHED"}
    folds = collections.Counter(run.tags["ser.key"] for run in runs if run.kind == "fold")
    assert len(folds) == FOLDS
    assert set(folds.values()) == {1}


def kinds_of_looks(folder):
    return [look.kind for _, look in looks(RunStore(folder / "bridgework"))]


def end_with_a_dead_worker(folder, command):
    """The same command once more, one of its workers killed while it trains."""
    with started(folder, *command) as driver:
        until(lambda: training(driver.pid) or driver.poll() is not None, 240, "a worker")
        known = len(records(folder))
        until(lambda: len(records(folder)) > known or driver.poll() is not None, 240, "a new fold")
        workers = training(driver.pid)
        for worker in workers[:1]:
            worker.kill()
        return ended(driver), bool(workers)


def test_folds_that_cannot_be_trained_are_named_and_the_others_go_on(tmp_path):
    ran = ser(tmp_path, "ablate", "tasks", *SMALL, "tasks.dimensions.weight=1e39", "--seeds", "1")
    assert ran.code == 1
    notice, *lines = ran.err.splitlines()
    assert notice.startswith("note: study tasks does not compare style")
    assert len(lines) == 10, "the rest is in the study's folder"
    assert all(line.startswith("failed: ") and "loss became non-finite in epoch 1, step 1" in line for line in lines)
    assert "Traceback" not in ran.err + ran.out
    (study,) = (tmp_path / "bridgework" / "studies").iterdir()
    tracebacks = [file.read_text() for file in (study / "failures").iterdir()]
    assert f"{len(tracebacks)} folds failed" in ran.out
    assert all("TrainingError" in text for text in tracebacks)
    trials = {run.tags["mlflow.runName"]: run for run in shown(tmp_path) if run.kind == "trial"}
    failed = {name for name, run in trials.items() if run.status == "FAILED"}
    assert {name for name, run in trials.items() if run.status == "FINISHED"} == {"without dimensions, seed 0"}
    assert len(failed) * 4 == len(tracebacks)
    assert all("ser.failure.01" in trials[name].tags for name in failed)
    assert len(records(tmp_path)) == 4
    assert not list((tmp_path / "bridgework" / "folds").glob("*/*/.fold-*[!k]"))
    assert not list(study.glob("table*"))
