"""Runs a command on machines that SkyPilot rents or finds: clouds, Kubernetes or Slurm.

    sky.yaml:  setup on every node  -->  node 0: head of an own Ray, then the command   nodes 1..N: join it
SkyPilot has a Ray of its own on every node, so ours uses other ports and is never stopped with `ray stop`. Its token is made here
for each submission and travels as a secret of SkyPilot; the file does not hold it.
"""

import dataclasses
import json
import secrets
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.submit.archive import check_url, download
from cluster.submit.job import Job
from cluster.submit.launcher import Launcher
from cluster.submit.programs import find_program, run_program, stream_program
from cluster.submit.ray_client import TOKEN
from cluster.submit.readable_yaml import readable_yaml
from cluster.submit.remote_command import remote_store, send_command, study_command, wait_for_nodes
from cluster.submit.send import home_sentence, receive_all
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.options import at_least

PORT = 6385
"""Ray's port; SkyPilot's own Ray has 6380."""
RAY = "--temp-dir=/tmp/ser-ray --dashboard-agent-listen-port=52375 --min-worker-port=20000 --max-worker-port=29999 --block"
STATES = {
    "INIT": "waiting",
    "PENDING": "waiting",
    "SETTING_UP": "waiting",
    "SUBMITTED": "waiting",
    "STARTING": "waiting",
    "RUNNING": "running",
    "RECOVERING": "running",
    "SUCCEEDED": "done",
    "CANCELLED": "stopped",
    "CANCELLING": "stopped",
}
"""Our words for SkyPilot's; those that start with FAILED mean failed."""
INSTALL = "install it apart from Bridgework (uv tool install 'skypilot[aws]') and run `sky check`"


@dataclasses.dataclass(frozen=True)
class Sky(Launcher):
    """A task of SkyPilot."""

    file_name = "sky.yaml"

    infra: str = ""
    """Where to run, such as aws/us-east-1, kubernetes or slurm; empty lets SkyPilot choose the cheapest."""
    accelerators: str = ""
    """GPUs of each node, such as L4:1; empty means none."""
    cpus: str = "4+"
    """Cores of each node; + means at least."""
    memory: str = "16+"
    """Memory of each node in GB; + means at least."""
    nodes: int = 1
    """Nodes, at least 1. The first one is the head and trains as well."""
    spot: bool = False
    """Takes cheaper machines that may be taken away; use it with managed."""
    managed: bool = False
    """Starts a managed job, which SkyPilot moves to other machines when it loses some; needs an archive."""
    idle_minutes: int = 30
    """Minutes after the end until the machines stop (with an archive: are deleted), at least 0."""
    workdir: str = ""
    """Folder that is copied to every node; empty means this clone of Bridgework."""
    setup: str = "uv sync --no-dev"
    """Shell command that prepares every node, in the copied folder."""
    runner: str = "uv run --no-sync"
    """What starts every program on the nodes; empty means that they are on the PATH."""
    data_from: str = ""
    """Corpus that every node gets: a local folder or an address such as s3://BUCKET/CORPUS; empty means none."""
    data_to: str = "~/corpus"
    """Where the nodes have it."""
    store: str = ""
    """Store on the head; empty means ~/bridgework-jobs/ by the words of the command."""
    archive: str = ""
    """Address such as s3://BUCKET/PATH to which the job copies its records at the end; empty means none."""

    def __post_init__(self) -> None:
        at_least(self, "nodes", 1)
        at_least(self, "idle_minutes", 0)
        for name in ("workdir", "data_from"):
            given = getattr(self, name)
            if given and "://" not in given and not Path(given).expanduser().exists():
                raise SettingError(f"submit.{name}={given} does not exist on this machine; correct the path")
        if self.managed and not self.archive:
            raise SettingError("submit.managed deletes its machines at the end, with all records; give submit.archive=s3://...")

    def write(self, job: Job) -> str:
        size = {"infra": self.infra, "accelerators": self.accelerators, "cpus": self.cpus, "memory": self.memory}
        task: dict[str, Any] = {
            "name": job.name,
            "resources": {name: value for name, value in size.items() if value} | ({"use_spot": True} if self.spot else {}),
            "num_nodes": self.nodes,
            "workdir": self.workdir or str(Path(__file__).resolve().parents[2]),
            **({"file_mounts": {self.data_to: self.data_from}} if self.data_from else {}),
            "envs": {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},
            "secrets": {TOKEN: None},
            "setup": self.setup + "\n",
            "run": self._script(job),
        }
        launch = shlex.join(["sky", *self._launch(job), "sky.yaml"])
        return readable_yaml(job, f"To launch it by hand, with a token in {TOKEN}: {launch}", [task])

    def submit(self, job: Job, file: Path) -> str:
        sky = find_program("sky", INSTALL)
        run_program([sky, *self._launch(job), str(file)], environment={TOKEN: secrets.token_hex(32)}, seconds=3600)
        return job.name

    def state(self, job: Job) -> str:
        sky = find_program("sky", INSTALL)
        queue = ["jobs", "queue", "--all"] if self.managed else ["queue", job.remote]
        jobs = _jobs(run_program([sky, *queue, "-o", "json"], seconds=120))
        found = [each for each in jobs if each.get("job_name", each.get("name")) == job.name]
        state = str(found[0].get("status", "")).rpartition(".")[2] if found else ""
        return "failed" if state.startswith("FAILED") else STATES.get(state, "unknown")

    def logs(self, job: Job, follow: bool) -> Iterator[str]:
        sky, more = find_program("sky", INSTALL), "--follow" if follow else "--no-follow"
        yield from stream_program([sky, *(["jobs", "logs", "-n", job.remote] if self.managed else ["logs", job.remote]), more])

    def stop(self, job: Job) -> None:
        cancel = ["jobs", "cancel", "-y", "-n", job.remote] if self.managed else ["cancel", "-y", "-a", job.remote]
        run_program([find_program("sky", INSTALL), *cancel])

    def fetch(self, job: Job, store: Path) -> str:
        if self.archive:
            return home_sentence(download(self.archive, RunStore(store)), store)
        # SkyPilot writes the cluster's name into ~/.ssh/config.
        ssh, python = find_program("ssh", "install OpenSSH"), f"{self.runner} python".strip()
        place = remote_store(job.words, self.store)
        arrived = receive_all(
            RunStore(store),
            lambda have: run_program([ssh, job.remote, f"cd ~/sky_workdir && {send_command(python, place, have)}"]),
        )
        return home_sentence(arrived, store)

    def _launch(self, job: Job) -> list[str]:
        common = ["--secret", TOKEN, "--yes", "--detach-run"]
        if self.managed:
            return ["jobs", "launch", *common, "--name", job.name]
        # Without an archive the records are on the head's disk, which `--down` would delete.
        idle = ["--idle-minutes-to-autostop", str(self.idle_minutes), *(["--down"] if self.archive else [])]
        return ["launch", *common, "--cluster", job.name, *idle]

    def _script(self, job: Job) -> str:
        """Returns what every node runs."""
        if self.archive:
            check_url(self.archive)
        program, ray, python = (f"{self.runner} {name}".strip() for name in ("ser", "ray", "python"))
        store = remote_store(job.words, self.store)
        command = study_command(job.words, program, store, f'"$HEAD:{PORT}"', self.archive)
        return f"""trap : TERM
HEAD=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)
if [ "$SKYPILOT_NODE_RANK" != 0 ]; then
  # Joins the head as soon as it answers, again if that fails, and ends when the head does.
  waited=0
  until {ray} status --address="$HEAD:{PORT}" >/dev/null 2>&1 || [ $waited -ge 600 ]; do sleep 2; waited=$((waited + 2)); done
  while {ray} status --address="$HEAD:{PORT}" >/dev/null 2>&1; do
    {ray} start --address="$HEAD:{PORT}" {RAY} || sleep 5
  done
  exit 0
fi
{ray} start --head --port={PORT} --node-ip-address="$HEAD" --include-dashboard=false {RAY} &
RAY_HEAD=$!
trap 'kill "$RAY_HEAD"; wait "$RAY_HEAD"' EXIT
{wait_for_nodes(python, f'"$HEAD:{PORT}"', '"$SKYPILOT_NUM_NODES"')}
({command})
"""


def _jobs(said: str) -> list[dict[str, Any]]:
    """Returns the jobs in what `sky queue -o json` prints: a list, or lists by cluster."""
    try:
        found = json.loads(said[min((at for at in map(said.find, "[{") if at >= 0), default=0) :])
    except ValueError:
        return []
    groups = found.values() if isinstance(found, dict) else [found]
    return [each for group in groups if isinstance(group, list) for each in group if isinstance(each, dict)]
