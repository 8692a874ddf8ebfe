"""Sixty folds of EmoDB on machines that share nothing: one is lost, one joins, the driver is killed and the command repeated.

On one machine corpus and checkpoints lie elsewhere. The head has no cores, so the features come from the others, too.
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
        "optim.epochs=3",
        "optim.refit=false",
    ]
    return ["ablate", "--factor", "model.width=32,48,64", *corpus, *model, "--seeds", "2"]


@pytest.fixture
def folders():
    """The folder of the driver and that of one machine alone: not under /tmp, which every machine has for itself."""
    made = [Path(tempfile.mkdtemp(prefix="ser-emodb-", dir="/var/tmp")) for _ in range(2)]
    yield made
    for folder in made:
        shutil.rmtree(folder)


def driver_on(head: Machine, folder: Path) -> "subprocess.Popen[str]":
    paths = f"cluster.paths={{{MATERIAL}: {ELSEWHERE}}}"
    command = [sys.executable, "-c", PROGRAM, *study(), "cluster.address=10.77.0.1:6379", paths]
    return head.popen(command, cwd=str(folder))


def test_sixty_folds_survive_losses_and_are_those_of_one_machine(folders, capsys):
    folder, alone = folders
    times = {"start": time.monotonic()}
    with machines([folder], [(), MOVED]) as (head, one, _):
        first = driver_on(head, folder)
        try:
            until(lambda: len(records(folder)) >= 10 or first.poll() is not None, 500, "10 folds")
            times["10 folds"] = time.monotonic()
            one.kill_processes()
            one.start_ray()  # a machine joins
            until(lambda: len(records(folder)) >= 25 or first.poll() is not None, 500, "25 folds")
            until(lambda: bool(one.files("/tmp/ser-scratch-*")), 60, "the machine that has joined is used")
            times["25 folds"] = time.monotonic()
            before = records(folder)
        finally:
            first.kill()
            first.communicate()
        with driver_on(head, folder) as second:
            ran = ended(second, 900)
        times["60 folds"] = time.monotonic()
        assert ran.code == 0, ran.err
        assert "already recorded" in ran.out
        left = [each.files("/tmp/ser-scratch-*") for each in (one,)]
    found = records(folder)
    assert len(found) == 60 and before.items() <= found.items(), "each fold once, none written again"
    assert any("/cache/features" in str(file) for file in folder.rglob("shard-*")), "features came home"
    single = ser(alone, *study())
    times["60 folds on one machine"] = time.monotonic()
    assert single.code == 0, single.err
    assert_same_folds(folder, alone)
    with capsys.disabled():
        print({name: round(when - times["start"]) for name, when in times.items()}, left)
