"""The progress of a study, driven by hand as Tune drives it: no Ray, no training."""

import dataclasses
import types
from pathlib import Path
from typing import Any

import pytest

from cluster.status import progress as progress_module
from cluster.status.progress import Progress
from cluster.status.show import block, line
from cluster.status.summary import FAILED, NAME, RUNNING, read_summary
from cluster.study_record import Ended, StudyRecord
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import HandedTrials
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from tests.cluster.recorded import make

HOST = {"hostname": "a", "node_ip": "10.0.0.1"}
NODE = "a (10.0.0.1)"


class Clock:
    """Time that the test sets."""

    now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress_module, "time", made)
    return made


class Actor:
    """A worker that says where it runs."""

    def __init__(self, name: str) -> None:
        self._actor_id = types.SimpleNamespace(hex=lambda: name)
        self.asked = 0
        self.get_current_ip_pid = types.SimpleNamespace(remote=self._answer)

    def _answer(self) -> object:
        self.asked += 1
        return object()


class Study:
    """A search of two trials with three folds each, at two GPU-trials at once."""

    def __init__(self, folder: Path) -> None:
        self.trials = [make(3)(["x=0.1"]), make(3)(["x=0.9"])]
        self.record = StudyRecord("study-1", "search", "study", "?", "uar", [], self.trials, "ser search line")
        self.store, self.seen = RunStore(folder), list[tuple[int, int, str]]()
        self.record.folder(self.store).mkdir(parents=True)
        self.handed = [HandedTrials([(trial, [1, 2, 3])], 0) for trial in self.trials]

    def progress(self, found: int = 0) -> Progress:
        cluster = Cluster(cpus_per_trial=2, gpus_per_trial=0.5, price_per_gpu_hour=36)
        return Progress(self.record, self.store, cluster, found, 6, lambda *given: self.seen.append(given))

    def report(self, to: Progress, which: int, fold: int, **given: Any) -> None:
        """A fold of a trial as its worker reports it; the record is taken to be written."""
        self.handed[which].reported.add((0, fold))
        usual = {"piece": 0, "fold": fold, "trained": True, "seconds": 10.0, "gpu_seconds": 10.0, "failure": ""}
        to.reported(f"t{which}", {**HOST, **usual, **given})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_what_runs_where_and_what_it_costs(study: Study, clock: Clock) -> None:
    progress = study.progress()
    actor = Actor("w")
    progress.started("t0", study.handed[0], actor, 0.5)
    progress.started("t1", study.handed[1], Actor("v"), 0.5)
    clock.now += 10
    study.report(progress, 0, 1)
    progress.fold_done(1)
    progress.write()
    found = read_summary(progress.file)
    assert found
    assert (found.state, found.done, found.total, found.trained) == (RUNNING, 1, 6, 1)
    assert (found.seconds, found.cpu_seconds, found.gpu_seconds) == (10.0, 20.0, 5.0)
    assert found.cost == pytest.approx(0.05)
    assert [(each.folds, each.node, each.since) for each in found.running] == [([2, 3], NODE, 1010.0), ([1, 2, 3], "", 1000.0)]
    assert found.nodes[NODE].running == 1
    assert found.estimate == 25.0, "five folds of 10 s, two at once"
    assert study.seen[-1][:2] == (1, 6) and f"running: 1 on {NODE}" in study.seen[-1][2] and "cost 0.05" in study.seen[-1][2]
    progress.started("t2", study.handed[1], actor, 0.5)
    assert actor.asked == 1, "a worker is asked once"
    assert progress.node_of("t2") == NODE and progress.node_of("t1") == "" and progress.node_of("gone") == ""


def test_folds_that_were_found_cost_nothing_and_failures_have_their_node(study: Study, clock: Clock) -> None:
    progress = study.progress()
    progress.started("t0", study.handed[0], Actor("w"), 0.0)
    study.report(progress, 0, 1, trained=False)
    study.report(progress, 0, 2, failure="no memory", traceback="...")
    progress.fold_failed("x=0.1, seed 0, fold 2", "no memory", NODE)
    progress.died("t0")
    assert progress.node_of("t0") == NODE, "for the message that its worker died"
    progress.end(interrupted=False, complete=False)
    found = read_summary(progress.file)
    assert found
    assert (found.state, found.seconds, found.failed, found.nodes[NODE].failed) == (FAILED, 0.0, 1, 1)
    assert found.failures[0].node == NODE and not found.running


def test_a_continued_study_adds_to_what_it_spent(study: Study, clock: Clock) -> None:
    first = study.progress()
    first.started("t0", study.handed[0], Actor("w"), 0.5)
    study.report(first, 0, 1)
    first.end(interrupted=True, complete=False)
    second = study.progress(found=1)
    second.begin("starting Ray")
    second.started("t0", study.handed[0], Actor("w"), 0.5)
    study.report(second, 0, 2)
    second.end(interrupted=False, complete=True)
    found = read_summary(second.file)
    assert found
    assert (found.seconds, found.gpu_seconds, found.trained) == (20.0, 10.0, 1)
    study.progress(found=2).end(interrupted=False, complete=True)
    assert read_summary(second.file) == dataclasses.replace(found, updated=clock.now, done=2), "a run that trains nothing"


def test_files_are_written_seldom_and_show_life(study: Study, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    progress, writes = study.progress(), list[float]()
    monkeypatch.setattr(progress_module, "write_summary", lambda summary, file: writes.append(clock.now))
    progress.begin("starting Ray")
    for step in range(600):
        clock.now = 1000 + step / 10
        if step < 100:
            study.report(progress, 0, 1)
        progress.tick()
    assert [round(at - 1000) for at in writes] == [0, 2, 4, 6, 8, 10, 30, 50]


def test_pruned_trials_spare_folds_and_shorten_the_estimate(study: Study, clock: Clock) -> None:
    progress = study.progress()
    progress.started("t0", study.handed[0], Actor("w"), 0.5)
    study.record.ended[study.trials[1].keys[0].fingerprint] = Ended(1, "behind", pruned=True)
    for fold in (1, 2, 3):
        clock.now += 5
        study.report(progress, 0, fold)
        progress.fold_done(fold)
    assert (progress.summary.pruned, progress.summary.spared) == (1, 2)
    assert progress.summary.estimate == 5.0, "one fold at the pace of 5 s"
    assert "1 trials pruned" in line(progress.summary)
    assert block(progress.summary)


def test_a_second_driver_writes_aside(study: Study, clock: Clock) -> None:
    progress = study.progress()
    progress.write_aside()
    progress.write()
    assert progress.file.name.startswith("summary-") and not (progress.folder / NAME).exists()


def test_a_price_below_zero_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cluster.price_per_gpu_hour must be at least 0"):
        Cluster(price_per_gpu_hour=-1)
