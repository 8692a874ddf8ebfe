"""Runs a command as a Slurm job: writes study.sbatch, submits it with sbatch, and asks Slurm what it does.

    ser submit --on slurm ablate fusion submit.nodes=2 --> <store>/jobs/<job>/study.sbatch --> sbatch
    <store>/jobs/<job>/output.log   what the job has printed; a requeued job continues the file
    <store>/jobs/<job>/state        written by the job: running, done, failed CODE or stopped
The store must lie in a folder that the nodes share.
"""

import dataclasses
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from cluster.submit import slurm_script
from cluster.submit.bundle import copy
from cluster.submit.job import Job, JobFolder
from cluster.submit.launcher import Launcher
from cluster.submit.send import home_sentence
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError, RecordError, SettingError
from ser_core.options import at_least

TRAINS_WITH_RAY = ("ablate", "search", "select")
"""Commands that train on several nodes."""
OVERRIDES = ("run", "ablate", "search", "corpus")
"""Commands whose store is the override run.store. Others have the option --store."""
WORDS = {
    "waiting": "PENDING CONFIGURING REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESV_DEL_HOLD",
    "running": "RUNNING COMPLETING SUSPENDED STOPPED SIGNALING STAGE_OUT RESIZING",
    "done": "COMPLETED",
    "stopped": "CANCELLED PREEMPTED REVOKED",
    "failed": "FAILED TIMEOUT NODE_FAIL BOOT_FAIL OUT_OF_MEMORY DEADLINE LAUNCH_FAILED",
}
STATES = {theirs: ours for ours, words in WORDS.items() for theirs in words.split()}
"""Slurm's states in our words."""
PATIENCE = 60
"""Seconds that a stopped study has to end cleanly before Slurm kills it."""


@dataclasses.dataclass(frozen=True)
class Slurm(Launcher):
    """Runs the command as one Slurm job. Submit on a login node, in a folder that the nodes share."""

    file_name: ClassVar[str] = "study.sbatch"
    shares_store: ClassVar[bool] = True

    nodes: str = "1"
    """Nodes of the job: a number, or a range such as 1-4, which starts with as many as are free."""
    cpus: int = 4
    """Cores on each node, at least 1."""
    gpus: int = 0
    """GPUs on each node, at least 0; set cluster.gpus_per_trial as well."""
    memory: str = ""
    """Memory on each node, such as 32G; empty leaves it to the partition."""
    time: str = ""
    """Longest time, such as 12:00:00 or 2-00:00:00; empty leaves it to the partition."""
    partition: str = ""
    """Partition; empty leaves it to Slurm. `sinfo` lists them."""
    account: str = ""
    """Account that pays; empty leaves it to Slurm."""
    setup: str = ""
    """Shell lines that make `ser` known on a node, separated by `;`, such as `module load cuda; source venv/bin/activate`."""
    directives: str = ""
    """Further options of sbatch, separated by `;`, such as `--qos=long; --constraint=a100`."""
    command: str = "ser"
    """What starts Bridgework after the setup. Its environment must also provide the commands `ray` and `python`."""
    scratch: str = "/tmp"  # noqa: S108
    """Folder on each node for Ray's sockets and logs, at most 40 characters. The job deletes what it makes there."""
    interface: str = ""
    """Network interface for Ray, such as ib0; empty uses the address of the node's host name."""
    patience: int = 600
    """Seconds that Ray may take to start on all nodes, at least 1; afterwards the study starts on those that are there."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[1-9]\d*(-[1-9]\d*)?", self.nodes):
            raise SettingError(f"submit.nodes must be a number such as 2, or a range such as 1-4; got {self.nodes!r}")
        for field, low in (("cpus", 1), ("gpus", 0), ("patience", 1)):
            at_least(self, field, low)
        if not self.scratch.startswith("/") or len(self.scratch) > 40:
            raise SettingError(f"submit.scratch must be an absolute path of at most 40 characters; got {self.scratch!r}")

    def write(self, job: Job) -> str:
        """Returns the text of study.sbatch. Raises SettingError for a command that cannot use what is asked for."""
        several = self.nodes != "1"
        self._check(job.words, several)
        store = store_of_job(job)
        parts = ["\n".join(self._header(job)), slurm_script.BEGIN.format(folder=_quoted(JobFolder(store).place(job)))]
        if self.setup:
            lines = "\n".join(line.strip() for line in self.setup.split(";"))
            parts.append(f"\n# Makes `{self.command}` known on a node.\n{lines}\n")
        if several:
            parts.append(self._ray())
        command = slurm_script.shell_command(self.command, with_store(job.words, store), several)
        return "".join([*parts, slurm_script.DRIVER.format(command=command)])

    def _check(self, words: Sequence[str], several: bool) -> None:
        """Raises SettingError for a setting that the command would ignore."""
        if several and words[0] not in TRAINS_WITH_RAY:
            raise SettingError(f"ser {words[0]} uses one node; leave submit.nodes={self.nodes} out")
        if any(word.startswith("cluster.address=") for word in words):
            raise SettingError("the job starts its own Ray; leave cluster.address out")
        shared = ("cluster.gpus_per_trial=", "cluster.share_gpus=")
        if self.gpus and words[0] in TRAINS_WITH_RAY and not any(word.startswith(shared) for word in words):
            raise SettingError(f"submit.gpus={self.gpus}, but no trial would use a GPU; add cluster.gpus_per_trial=1")

    def _header(self, job: Job) -> list[str]:
        """Returns the lines that Slurm reads."""
        line = slurm_script.directive
        asked = {"mem": self.memory, "time": self.time, "partition": self.partition, "account": self.account}
        return [
            "#!/bin/bash",
            f"# Job {job.name}, written by `ser submit --on slurm`. Change what you like, then submit it with sbatch.",
            line("job-name", job.name),
            line("chdir", job.folder),
            "# `ser submit` sends the output to the job's folder instead. A requeued job continues the file.",
            line("output", f"{job.name}.log"),
            line("open-mode", "append"),
            line("nodes", self.nodes),
            line("cpus-per-task", self.cpus),
            *([line("gpus-per-node", self.gpus)] if self.gpus else []),
            *(line(name, value) for name, value in asked.items() if value),
            "# After preemption or the loss of a node the job waits again, then continues from its records.",
            line("requeue"),
            "# Two minutes before the time is up the study ends cleanly.",
            line("signal", "B:TERM@120"),
            *(f"#SBATCH {each.strip()}" for each in self.directives.split(";") if each.strip()),
            "",
        ]

    def _ray(self) -> str:
        """Returns the part of the file that starts Ray on all nodes."""
        from cluster.tune.session import ENVIRONMENT

        first = "getent ahostsv4 \"$(hostname)\" | awk '$1 !~ /^127/ {print $1; exit}'"
        if self.interface:
            first = f"ip -4 -o addr show dev {_quoted(self.interface)} | awk '{{split($4, a, \"/\"); print a[1]; exit}}'"
        settings = {name: value for name, value in ENVIRONMENT.items() if name.startswith("RAY_")}
        return slurm_script.RAY.format(
            environment=slurm_script.exports(settings),
            scratch=_quoted(self.scratch.rstrip("/")),
            address=first,
            cpus=self.cpus,
            gpus=f"--num-gpus={self.gpus} " if self.gpus else "",
            patience=self.patience,
        )

    def submit(self, job: Job, file: Path) -> str:
        """Submits the file with sbatch and returns Slurm's number of the job."""
        output = str(file.resolve().parent / "output.log").replace("%", "%%")
        said = _slurm("sbatch", "--parsable", f"--output={output}", str(file))
        return said.strip().split(";")[0]  # the name of the cluster follows

    def state(self, job: Job) -> str:
        """Asks squeue, then sacct for a job that ended a while ago, then the file that the job has written."""
        try:
            said = _slurm("squeue", "--noheader", "--states=all", f"--jobs={job.remote}", "--format=%T").split()
        except BridgeworkError as error:
            if "Invalid job id" not in str(error):
                raise
            said = []
        return STATES.get(said[0], "unknown") if said else self._past_state(job)

    def _past_state(self, job: Job) -> str:
        """The state of a job that Slurm's controller has forgotten."""
        try:
            said = _slurm("sacct", "--noheader", "--allocations", "--parsable2", f"--jobs={job.remote}", "--format=State").split()
        except BridgeworkError:  # without accounting
            said = []
        file = JobFolder(store_of_job(job)).place(job) / "state"
        word = file.read_text().split()[:1] if file.exists() else []
        written = word[0] if word and word[0] != "running" else "unknown"  # a job that was killed cannot say so
        return STATES.get(said[0], "unknown") if said else written

    def remark(self, job: Job) -> str:
        """Says how often Slurm has started the job again."""
        try:
            found = re.search(r"\bRestarts=([1-9]\d*)", _slurm("scontrol", "show", "job", "--oneliner", job.remote))
        except BridgeworkError:  # the controller has forgotten the job
            return ""
        return f"requeued {'once' if found[1] == '1' else f'{found[1]} times'}" if found else ""

    def logs(self, job: Job, follow: bool) -> Iterator[str]:
        """Yields the output file in pieces. With `follow`, continues until the job ends, also while it waits to run again."""
        file = JobFolder(store_of_job(job)).place(job) / "output.log"
        read, asked = 0, 0.0
        ended = not follow
        while True:
            if file.exists():
                with file.open(errors="replace") as opened:
                    opened.seek(read)
                    while piece := opened.read(1 << 16):
                        yield piece
                    read = opened.tell()
            if ended:
                return
            time.sleep(1)
            if time.monotonic() - asked > 5:  # Slurm's controllers dislike to be asked often
                asked, ended = time.monotonic(), self.state(job) not in ("waiting", "running")

    def stop(self, job: Job) -> None:
        """Lets the study end cleanly, as Ctrl-C does, then cancels the job."""
        if self.state(job) == "running":
            _slurm("scancel", "--batch", "--signal=TERM", job.remote)
            end = time.monotonic() + PATIENCE
            while self.state(job) == "running" and time.monotonic() < end:
                time.sleep(1)
        if self.state(job) in ("waiting", "running"):
            _slurm("scancel", job.remote)

    def fetch(self, job: Job, store: Path) -> str:
        """Says where the records are, since the job writes into a shared folder. Copies them into another store."""
        source = store_of_job(job)
        if not source.is_dir():
            raise RecordError(f"{source} is not visible on this machine; run ser fetch where the job was submitted")
        if source.resolve() == store.resolve():
            count = sum(1 for _ in source.glob("folds/*/*/fold-*/record.json"))
            return f"the job works in {source}, which this machine sees: {count} folds are there, so there is nothing to copy"
        return home_sentence(copy(RunStore(source), RunStore(store)), store)


def store_of_job(job: Job) -> Path:
    """Returns the absolute path of the store that the job uses, seen from the folder where it was submitted."""
    from cluster.tune.resources import store_of

    return Path(job.folder) / store_of(job.words)


def with_store(words: Sequence[str], store: Path) -> list[str]:
    """Returns the command with the store's absolute path in place of what was given."""
    kept: list[str] = []
    skip = False
    for word in words:
        if not (skip or word == "--store" or word.startswith(("run.store=", "--store="))):
            kept.append(word)
        skip = word == "--store"
    return [*kept, f"run.store={store}"] if words[0] in OVERRIDES else [*kept, f"--store={store}"]


def _quoted(value: object) -> str:
    return shlex.quote(str(value))


def _slurm(*command: str) -> str:
    """Runs a command of Slurm and returns what it prints. Raises BridgeworkError with one sentence when it fails."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603 - our own words
    except FileNotFoundError as error:
        raise BridgeworkError(
            f"{command[0]} is not on PATH; run this on a login node of a Slurm cluster, or write the file with --write-only FILE"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BridgeworkError(f"Slurm has not answered {command[0]} for 120 s; try again, or ask its administrators") from error
    if "configuration source" in ran.stderr:
        raise BridgeworkError(
            f"{command[0]} finds no Slurm cluster on this machine; run this on a login node of it, or write the file with "
            "--write-only FILE"
        )
    if ran.returncode:
        raise BridgeworkError(f"{command[0]} failed: {_reason(ran.stderr)}{REMEDIES.get(command[0], '')}")
    return ran.stdout


REMEDIES = {
    "sbatch": "; correct the setting (`sinfo` lists partitions, `ser submit --on slurm --settings` what can be set)",
    "squeue": "; if Slurm's controller is down, try again later: the job keeps running",
}


def _reason(said: str) -> str:
    """Returns the most telling line of Slurm's errors, without the program's name: the fatal one, else the first."""
    lines = sorted((line for line in said.splitlines() if line.strip()), key=lambda line: "fatal: " not in line)
    return re.sub(r"^\w+: (error: |fatal: )?", "", lines[0]).strip().rstrip(".") if lines else "no reason given"
