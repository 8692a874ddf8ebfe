"""Sixty folds of EmoDB on several machines, with losses, equal those of one machine: by Ray, `ser submit --on ray` and Slurm.

By Ray, machines share nothing and one has corpus and checkpoints elsewhere. Heads have no cores, so others extract the features.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.cluster.conftest import PROGRAM, ended, records, ser, until
from tests.cluster.machines import Machine, machines, why_not
from tests.cluster.slurm_lab import slurm, why_no_slurm
from tests.cluster.submit.lab import ADDRESS, THERE, lab, ser_on
from tests.cluster.submit.test_slurm import TWO
from tests.cluster.tune.test_home import assert_same_folds
from tests.shared_material import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.shared, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

MATERIAL, ELSEWHERE = Path(os.environ.get("SER_SHARED", "") or ROOT.parent / "shared").resolve(), "/tmp/elsewhere"
MOVED = [f"mkdir {ELSEWHERE}", f"mount --bind {MATERIAL} {ELSEWHERE}", f"mount -t tmpfs tmpfs {MATERIAL}"]
"""A machine on which corpus and checkpoints lie elsewhere."""


def study() -> list[str]:
    corpus = ["corpus=emodb", f"corpus.root={MATERIAL / 'data' / 'emodb'}"]
    model = [
        f"model.speech={MATERIAL / 'models' / 'whisper-tiny.en-encoder'}",
        "model.text=none",
        "optim.epochs=12",
        "optim.patience=12",
        "optim.refit=false",
    ]
    return ["ablate", "--factor", "model.width=32,48,64", *corpus, *model, "--seeds", "2"]


@pytest.fixture
def folder():
    """A folder that is not under /tmp, which every machine has for itself."""
    made = Path(tempfile.mkdtemp(prefix="ser-emodb-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def alone():
    """The study on one machine, and how long it took."""
    folder, began = Path(tempfile.mkdtemp(prefix="ser-emodb-", dir="/var/tmp")), time.monotonic()
    ran = ser(folder, *study())
    assert ran.code == 0, ran.err
    yield folder, time.monotonic() - began
    shutil.rmtree(folder)


@pytest.fixture
def say(alone, capsys):
    """Prints the seconds of a way, and of one machine."""

    def show(way: str, began: float, **marks: float) -> None:
        seconds = {name.replace("_", " "): round(when - began) for name, when in marks.items()}
        with capsys.disabled():
            print(f"\n{way}: {seconds}, end {time.monotonic() - began:.0f}; one machine {alone[1]:.0f} s")

    return show


def driver_on(head: Machine, folder: Path) -> "subprocess.Popen[str]":
    paths = f"cluster.paths={{{MATERIAL}: {ELSEWHERE}}}"
    command = [sys.executable, "-c", PROGRAM, *study(), "cluster.address=10.77.0.1:6379", paths]
    return head.popen(command, cwd=str(folder))


def test_sixty_folds_survive_losses_and_are_those_of_one_machine(folder, alone, say):
    with machines([folder], [(), MOVED]) as (head, one, _):
        began, first = time.monotonic(), driver_on(head, folder)
        try:
            until(lambda: len(records(folder)) >= 10 or first.poll() is not None, 500, "10 folds")
            lost = time.monotonic()
            one.kill_processes()
            assert one.files("/tmp/ser-scratch-*"), "it trained"
            one.popen(["sh", "-c", "rm -r /tmp/ser-scratch-*"]).communicate()  # so that a new one shows its use
            one.start_ray()  # a machine joins
            joined = time.monotonic()
            until(lambda: one.files("/tmp/ser-scratch-*") or first.poll() is not None, 60, "its use within a minute")
            used = time.monotonic()
            until(lambda: len(records(folder)) >= 25 or first.poll() is not None, 300, "25 folds")
            killed, before = time.monotonic(), records(folder)
            assert first.poll() is None, "the study has ended too early for this test"
        finally:
            first.kill()
            first.communicate()
        with driver_on(head, folder) as second:
            ran = ended(second, 900)
        assert ran.code == 0, ran.err
        assert "already recorded" in ran.out and "could not extract features" not in ran.err
        say("three machines", began, node_lost=lost, node_joined=joined, node_used=used, driver_killed=killed)
    found = records(folder)
    assert len(before) < len(found) == 60 and before.items() <= found.items(), "each fold once, none written again"
    assert_same_folds(folder, alone[0])


def test_a_laptop_without_corpus_and_store_submits_to_ray_and_fetches(folder, alone, say):
    home, laptop_home = folder / "home", folder / "laptop"
    home.mkdir()
    laptop_home.mkdir()
    with lab(home, corpora=MATERIAL) as (_, (one, _), laptop):
        began = time.monotonic()
        ran = ser_on(laptop, laptop_home, "submit", "--on", "ray", "--address", ADDRESS, *study(), *THERE)
        assert ran.code == 0, ran.err
        job, place = ran.out.split()[1], "bridgework-jobs/*/folds/*/*/fold-*/record.json"
        until(lambda: len(list(home.glob(place))) >= 10, 300, "10 folds")
        lost = time.monotonic()
        one.kill_processes()
        assert "60 folds trained" in ser_on(laptop, laptop_home, "logs", job, "--follow", seconds=600).out
        fetched = ser_on(laptop, laptop_home, "fetch", job)
        assert fetched.code == 0 and fetched.out.startswith("60 new records"), fetched.err
        say("ser submit --on ray", began, node_lost=lost)
    assert_same_folds(laptop_home, alone[0], next(home.glob("bridgework-jobs/*")))


@pytest.mark.skipif(bool(why_no_slurm()), reason=why_no_slurm() or "-")
def test_slurm_drains_a_node_and_puts_the_job_back(folder, alone, say):
    with slurm(3) as cluster:
        began = time.monotonic()
        job = cluster.submit(folder, *study(), *TWO)
        until(lambda: len(records(folder)) >= 10, 300, "10 folds")
        drained, number = time.monotonic(), cluster.number(folder, job)
        cluster.run("scontrol", "update", f"nodename={cluster.nodes[1].name}", "state=drain", "reason=test")
        cluster.run("scontrol", "requeue", number)
        until(lambda: cluster.state(folder, job) == "PENDING", 100, "the job to wait")
        waiting, before = time.monotonic(), records(folder)
        cluster.run("scontrol", "update", f"jobid={number}", "starttime=now")  # else Slurm lets it wait for two minutes
        until(lambda: cluster.state(folder, job) == "COMPLETED", 600, "the end of the job")
        say("ser submit --on slurm", began, node_drained=drained, job_waits=waiting)
    found = records(folder)
    assert len(before) < len(found) == 60 and before.items() <= found.items(), "each fold once, none written again"
    assert_same_folds(folder, alone[0])
