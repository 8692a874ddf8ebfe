"""What sky.yaml runs, run by hand on two machines with SkyPilot's variables: Ray starts on own ports, trains and archives."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from cluster.submit.archive import download
from cluster.submit.job import Job
from cluster.submit.sky import Sky
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import SMALL, ended, until
from tests.cluster.machines import Machine, network, why_not
from tests.cluster.submit.lab import PATH

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


def test_two_machines_train_and_archive():
    home = Path(tempfile.mkdtemp(prefix="ser-test-", dir="/var/tmp"))
    (home / "ser").write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from cluster.cli.main import main; main()' \"$@\"\n")
    (home / "ser").chmod(0o755)
    job = Job("ablate-fusion-3f9a", "sky", ("ablate", "fusion", *SMALL, "--seeds", "1"), {}, "/here")
    script = yaml.safe_load(Sky(runner="", nodes=2, archive=f"file://{home}/archive").write(job))["run"]
    common = {**PATH, "PATH": f"{home}:{Path(sys.executable).parent}:/usr/bin:/bin:/sbin:/usr/sbin", "SKYPILOT_NUM_NODES": "2"}
    common |= {"SKYPILOT_NODE_IPS": "10.77.0.1\n10.77.0.2"}
    try:
        with network(2):
            machines = [Machine(0), Machine(1)]
            try:
                head, worker = (
                    each.popen(["bash", "-c", script], env={**common, "SKYPILOT_NODE_RANK": str(rank), "HOME": str(home)})
                    for rank, each in enumerate(machines)
                )
                ran = ended(head, 300)
                assert ran.code == 0, ran.err
                assert "12 folds trained, 0 already recorded" in ran.out
                assert ended(worker, 240).code == 0
                until(lambda: not any(each.pids() for each in machines), 30, "the end of both Rays")
            finally:
                for each in machines:
                    each.close()
        assert download(f"file://{home}/archive", RunStore(home / "back")).records == 12
    finally:
        shutil.rmtree(home)
