"""Runs a command on a Ray cluster that stands already, through its dashboard. Records come home through the same port.

    ser submit --on ray --address http://HOST:8265 ablate fusion     -->  Ray job on the head: ser ablate fusion
    ser fetch ablate-fusion-3f9a                                     -->  short job that prints what this machine lacks
The submitting machine needs neither the corpus nor the store, only the dashboard's port and the cluster's token.
"""

import dataclasses
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.submit.archive import check_url, download
from cluster.submit.job import Job
from cluster.submit.launcher import Launcher
from cluster.submit.ray_client import Dashboard, check_address
from cluster.submit.remote_command import remote_store, send_command, study_command
from cluster.submit.send import END, home_sentence, receive_all
from cluster.transfer.node_facts import PACKAGES
from ser_core.cross_validation.records import RunStore

STATES = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "SUCCEEDED": "done",
    "FAILED": "failed",
    "STOPPED": "stopped",
    "": "unknown",
}
"""Our words for Ray's."""
UPLOADED = "python -c 'from cluster.cli.main import main; main()'"
"""Starts `ser` where only its packages are, and no command of that name."""
TO_STOP = 60
"""Seconds between SIGTERM and SIGKILL; Ray's own 3 are too short to leave the cluster in order."""


@dataclasses.dataclass(frozen=True)
class RayJobs(Launcher):
    """A Ray cluster with a dashboard."""

    address: str = ""
    """The dashboard, such as http://HOST:8265; `--address` sets it."""
    program: str = "ser"
    """Start of the command on the cluster, in shell syntax, such as /lab/venv/bin/ser."""
    python: str = "python"
    """Python on the cluster that can import Bridgework; `ser fetch` runs it."""
    store: str = ""
    """Store on the head node, absolute or from ~/; empty means an absolute run.store, else ~/bridgework-jobs/ by the words."""
    archive: str = ""
    """Address such as s3://BUCKET/PATH to which the job copies its records at the end; empty means none."""
    upload: bool = False
    """Uploads this machine's packages of Bridgework, so that the cluster needs only their dependencies."""

    def write(self, job: Job) -> str:
        environment = json.dumps(self._environment(), sort_keys=True)
        words = ["ray", "job", "submit", "--no-wait", "--address", check_address(self.address), "--submission-id", job.name]
        shown = shlex.join([*words, "--runtime-env-json", environment, "--", "sh", "-c", self._command(job)])
        return f"# This is what `ser submit` asks the dashboard for. The store on the head: {self._store(job)}\n{shown}\n"

    def submit(self, job: Job, file: Path) -> str:
        return self._dashboard().submit(job.name, self._command(job), self._environment())

    def state(self, job: Job) -> str:
        return STATES[self._dashboard().status(job.remote)]

    def logs(self, job: Job, follow: bool) -> Iterator[str]:
        dashboard = self._dashboard()
        if follow:
            yield from dashboard.follow(job.remote)
        else:
            yield dashboard.log(job.remote)

    def stop(self, job: Job) -> None:
        dashboard = self._dashboard()
        dashboard.stop(job.remote)
        dashboard.wait(job.remote, TO_STOP)

    def fetch(self, job: Job, store: Path) -> str:
        if self.archive:
            return home_sentence(download(self.archive, RunStore(store)), store)
        dashboard, place = self._dashboard(), self._store(job)
        arrived = receive_all(
            RunStore(store),
            lambda have: dashboard.run(send_command(self.python, place, have, wipe=True), self._environment(), END),
        )
        return home_sentence(arrived, store)

    def _dashboard(self) -> Dashboard:
        return Dashboard(self.address)

    def _store(self, job: Job) -> str:
        return remote_store(job.words, self.store)

    def _command(self, job: Job) -> str:
        if self.archive:
            check_url(self.archive)
        program = UPLOADED if self.upload and self.program == "ser" else self.program
        return study_command(job.words, program, self._store(job), archive=self.archive)

    def _environment(self) -> dict[str, Any]:
        """Returns Ray's runtime environment of the job. Holds no secret: Ray logs it."""
        variables = {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(TO_STOP), "PYTHONUNBUFFERED": "1"}}
        here = Path(__file__).resolve().parents[2]
        return {**variables, "py_modules": [str(here / package) for package in PACKAGES]} if self.upload else variables
