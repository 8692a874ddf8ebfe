"""A real Slurm on machines of namespaces: munged and slurmctld on the login node, slurmd on every other machine.

    machine 0 (login node: slurmctld, munged, where you submit) -- machine 1 (slurmd) -- machine 2 (slurmd)
The machines share all folders but /tmp. Each pretends to have 4 cores. Slurm's files lie in a folder of the lab.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.conftest import PROGRAM, until
from tests.cluster.machines import Machine, network, why_not
from tests.shared_material import ROOT

CONFIGURATION = """
ClusterName=lab
SlurmctldHost=machine0(10.77.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=30
SlurmdTimeout=300
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n
SchedulerParameters=requeue_delay=1,sched_min_interval=0
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_no_slurm() -> str:
    """Why this system cannot run a Slurm; "" if it can."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name, path=PATH)]
    return f"not installed: {', '.join(missing)}" if missing else why_not()


PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"


class Lab:
    """A running Slurm with its machines."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        names = "\n".join(f"10.77.0.{number + 1} machine{number}" for number in range(count + 1))
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}\n")
        self.machines: list[Machine] = []
        for number in range(count + 1):
            self.machines.append(Machine(number, (), [f"mount --bind {folder}/hosts /etc/hosts"]))
        self.login, *self.nodes = self.machines

    def popen(self, machine: Machine, *command: str, cwd: Path | None = None) -> "subprocess.Popen[str]":
        """Starts a command on a machine, with nothing in its environment but what a login shell has."""
        known = {"PATH": PATH, "SLURM_CONF": f"{self.folder}/slurm.conf", "PYTHONPATH": ROOT, "HOME": "/root", "LANG": "C.UTF-8"}
        given = [f"{name}={value}" for name, value in known.items()]
        return machine.popen(["env", "-i", *given, *command], cwd=str(cwd or "/"))

    def run(self, *command: str, cwd: Path | None = None, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """Runs a command on the login node."""
        with self.popen(self.login, *command, cwd=cwd) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def ser(self, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs `ser` on the login node."""
        return self.run(sys.executable, "-c", PROGRAM, *words, cwd=folder)

    def submit(self, folder: Path, *words: str) -> str:
        """Submits a command of `ser` and returns the job's name."""
        ran = self.ser(folder, "submit", "--on", "slurm", *words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.split()[1]

    def state(self, folder: Path, job: str) -> str:
        """What `ser jobs` would say, without the start of a process."""
        number = self.number(folder, job)
        return self.run("squeue", "--noheader", "--states=all", f"--jobs={number}", "--format=%T").stdout.strip()

    @staticmethod
    def number(folder: Path, job: str) -> str:
        """Slurm's number of a job."""
        return json.loads((folder / "bridgework" / "jobs" / job / "job.json").read_text())["remote"]

    @staticmethod
    def output(folder: Path, job: str) -> str:
        """What the job has printed."""
        file = folder / "bridgework" / "jobs" / job / "output.log"
        return file.read_text() if file.exists() else ""

    def start(self) -> None:
        """Starts the daemons and waits until all nodes are idle."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        named = "".join(f"NodeName={node.name} NodeAddr={node.address} CPUs=4 RealMemory=8000\n" for node in self.nodes)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder, nodes=named))
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # loaded by every slurmd, used by no plugin here
        for name in ("state", *(node.name for node in self.nodes)):
            (self.folder / name).mkdir()
        files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self.daemon(self.login, "munged", "-F", "--force", f"--socket={self.folder}/munge.socket", *files)
        until((self.folder / "munge.socket").exists, 20, "munged")
        self.daemon(self.login, "slurmctld", "-D")
        for node in self.nodes:
            self.daemon(node, "slurmd", "-D", "-N", node.name)
        until(lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D").stdout.strip() == str(len(self.nodes)), 60, "idle nodes")

    def daemon(self, machine: Machine, *command: str) -> None:
        """Starts a daemon; its output goes to a file, as a full pipe would stop it."""
        words = " ".join(["exec", *command, f">>{self.folder}/{machine.name}.out", "2>&1", "</dev/null"])
        self.popen(machine, "setsid", "--fork", "sh", "-c", words).communicate(timeout=20)

    def close(self) -> None:
        for machine in self.machines:
            machine.close()


@contextlib.contextmanager
def slurm(count: int = 2) -> Iterator[Lab]:
    """A Slurm with this many nodes."""
    folder = Path(tempfile.mkdtemp(prefix="ser-slurm-", dir="/var/tmp"))
    with network(count + 1):
        lab = Lab(folder, count)
        try:
            lab.start()
            yield lab
        finally:
            lab.close()
            time.sleep(0.5)
            shutil.rmtree(folder, ignore_errors=True)
