"""`ser fetch` and `ser archive` without a cluster: what a job would print is printed by the same program here."""

import subprocess
import tempfile

import pytest
from rich.console import Console

from cluster.cli.job_commands import archive_study, fetch_job
from cluster.submit import ray_jobs
from cluster.submit.job import JobFolder
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import until
from tests.cluster.submit.conftest import files
from tests.cluster.submit.lab import THERE
from tests.shared_material import ROOT


class HereAsCluster:
    """A dashboard whose jobs run on this machine."""

    def run(self, command, environment, last):
        assert "RAY_AUTH_TOKEN" not in environment["env_vars"]
        with tempfile.TemporaryFile("w+") as log:
            job = subprocess.Popen(["sh", "-c", command], stdout=log, text=True, cwd=ROOT)
            until(lambda: last in content(log), 60, "the records")
            text = content(log)
            job.terminate()
            assert job.wait(20) == 0
            assert content(log) == "", "the log of the job is empty once it has been read"
        return text


def content(log):
    log.seek(0)
    return log.read()


@pytest.fixture
def console():
    return Console(width=300, record=True)


def test_records_of_a_ray_job_come_home(filled, job, tmp_path, monkeypatch, console):
    monkeypatch.setattr(ray_jobs.RayJobs, "_dashboard", lambda self: HereAsCluster())
    home = tmp_path / "home"
    settings = {"address": "http://h:8265", "store": str(filled.folder), "python": THERE[1].partition("=")[2]}
    JobFolder(home).save(type(job)(job.name, "ray", job.words, settings, "/here", job.name))
    fetch_job(console, job.name, home)
    assert "3 new records and fusion-123456 came into" in console.export_text()
    came = files(RunStore(home))
    assert {name: content for name, content in files(filled).items() if name != "mlflow.db"}.items() <= came.items()


def test_an_archive_is_fetched_by_its_address(filled, tmp_path, console):
    archive_study(console, "fusion", f"file://{tmp_path}/archive", filled.folder)
    fetch_job(console, f"file://{tmp_path}/archive", tmp_path / "home")
    said = console.export_text()
    assert "5 new objects are in file://" in said and "ser fetch file://" in said
    assert "3 new records and fusion-123456" in said and f"--store {tmp_path}/home" in said
