"""`ser submit --on slurm`: the written file, and studies on a real Slurm of two nodes."""

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import typer

from cluster.cli.job_commands import launcher_from
from cluster.cli.main import app
from cluster.cli.submit_check import check_command
from cluster.submit.job import Job
from cluster.submit.slurm import Slurm, with_store
from ser_core.errors import BridgeworkError, SettingError
from tests.cluster.conftest import SMALL, records, shown, until
from tests.cluster.slurm_lab import Lab, slurm, why_no_slurm
from tests.cluster.tune.test_home import assert_same_folds
from tests.shared_material import ROOT


def real(test):
    """Marks a test that runs a Slurm."""
    return pytest.mark.slow(pytest.mark.skipif(bool(why_no_slurm()), reason=why_no_slurm() or "-")(test))


STUDY = ("ablate", "fusion", *SMALL, "--seeds", "2")
SETUP = f"submit.setup=export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}"
TWO = ("submit.nodes=2", "submit.cpus=1", SETUP)


def written(*words: str, folder: str = "/work/my study") -> str:
    launcher, rest = launcher_from("slurm", "", ["ablate", "fusion", *words])
    return launcher.write(Job("ablate-fusion-0000", "slurm", rest, {}, folder))


def check_bash(text: str) -> None:
    ran = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("nodes", ["1", "2", "1-4"])
def test_the_file_is_bash_and_holds_every_setting(nodes):
    given = {
        "nodes": nodes,
        "cpus": "7",
        "gpus": "2",
        "memory": "48G",
        "time": "2-00:00:00",
        "partition": "gpu",
        "account": "lab",
        "setup": 'module load "cuda 12"; source $HOME/venv/bin/activate',
        "directives": "--qos=long; --constraint=a100",
        "command": "uv run ser",
        "scratch": "/local",
        "interface": "ib0",
        "patience": "77",
    }
    text = written(*(f"submit.{name}={value}" for name, value in given.items()), "cluster.gpus_per_trial=1")
    check_bash(text)
    lines = text.splitlines()
    header = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]
    expected = ["job-name=ablate-fusion-0000", 'chdir="/work/my study"', f"nodes={nodes}", "cpus-per-task=7", "gpus-per-node=2"]
    expected += ["mem=48G", "time=2-00:00:00", "partition=gpu", "account=lab", "qos=long", "constraint=a100"]
    expected += ["requeue", "signal=B:TERM@120", "open-mode=append"]
    assert set(expected) <= set(header)
    assert {'module load "cuda 12"', "source $HOME/venv/bin/activate"} <= set(lines)
    assert "uv run ser ablate fusion" in text
    if nodes != "1":
        for shown in ("--num-cpus=7 --num-gpus=2", "scratch=/local/ser-job-", "dev ib0", "SECONDS + 77"):
            assert shown in text


def test_the_file_never_stops_other_rays_and_holds_no_token(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret" * 10)
    text = written("submit.nodes=2")
    assert "secretsecret" not in text
    assert not re.search(r"ray stop|symmetric-run|RAY_AUTH_TOKEN=|pkill(?!.*\$scratch)|killall", text)
    ports = re.findall(r"--([\w-]+-port|port)=", text)
    wanted = "port ray-client-server-port node-manager-port object-manager-port dashboard-agent-listen-port"
    wanted += " dashboard-agent-grpc-port metrics-export-port runtime-env-agent-port min-worker-port max-worker-port"
    assert sorted(ports) == sorted(wanted.split())


def started_here(folder: Path, command: str, *words: str) -> "subprocess.Popen[str]":
    """Runs the file of a job with one node here, without Slurm."""
    text = Slurm(command=command).write(Job("j", "slurm", words, {}, str(folder)))
    environment = {"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "n"}
    return subprocess.Popen(["bash", "-c", text], env=environment, stdout=subprocess.PIPE, text=True, cwd=folder)


def state_of(folder: Path) -> str:
    return (folder / "bridgework" / "jobs" / "j" / "state").read_text().strip()


def test_words_reach_the_program_as_they_were_given(tmp_path):
    words = ["ablate", "fusion", "corpus.root=/data/my $corpus", "corpus.name='it's'", 'x="`ls`"', "--seeds", "2", "y=a\\b*"]
    with started_here(tmp_path, f'{sys.executable} -c "import sys; print(sys.argv[1:])"', *words) as process:
        said = process.communicate(timeout=30)[0]
    assert said.splitlines()[-1] == str([*words, f"run.store={tmp_path}/bridgework"])
    assert (process.returncode, state_of(tmp_path)) == (0, "done")


def test_the_job_ends_with_the_exit_code_of_the_program(tmp_path):
    with started_here(tmp_path, "sh -c 'exit 7'", "ablate", "fusion") as process:
        process.communicate(timeout=30)
    assert (process.returncode, state_of(tmp_path)) == (7, "failed 7")


STOPPABLE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
print('ready', flush=True)
time.sleep(60)
"""


def test_a_signal_reaches_the_program(tmp_path):
    with started_here(tmp_path, f'{sys.executable} -c "{STOPPABLE}"', "ablate", "fusion") as process:
        assert process.stdout and "ready" in [process.stdout.readline().strip() for _ in range(2)]
        process.terminate()
        process.communicate(timeout=30)
    assert (process.returncode, state_of(tmp_path)) == (130, "stopped")


def test_the_store_is_absolute():
    store = Path("/home/me/it")
    assert with_store(("ablate", "fusion", "run.store=it", "seed=1"), store) == [
        "ablate",
        "fusion",
        "seed=1",
        "run.store=/home/me/it",
    ]
    assert with_store(("select", "a", "--store", "it", "--top", "3"), store) == [
        "select",
        "a",
        "--top",
        "3",
        "--store=/home/me/it",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["submit.nodes=0"], "submit.nodes must be a number such as 2, or a range such as 1-4; got '0'"),
        (["submit.cpus=0"], "submit.cpus must be at least 1, got 0"),
        (["submit.gpus=1"], "submit.gpus=1, but no trial would use a GPU; add cluster.gpus_per_trial=1"),
        (["cluster.address=auto"], "the job starts its own Ray; leave cluster.address out"),
        (["submit.scratch=tmp"], "submit.scratch must be an absolute path of at most 40 characters; got 'tmp'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words, sentence):
    with pytest.raises(SettingError, match=re.escape(sentence)):
        written(*words)


def test_without_slurm_a_sentence_says_what_helps(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    job = Job("j", "slurm", ("ablate", "fusion"), {}, str(tmp_path), "7")
    for ask in (lambda: Slurm().submit(job, tmp_path / "study.sbatch"), lambda: Slurm().state(job)):
        with pytest.raises(BridgeworkError, match="is not on PATH; run this on a login node of a Slurm cluster, or"):
            ask()


def test_a_command_with_factors_is_checked_as_ser_reads_it():
    """The first override stands where a study would; without it corpus.root is refused."""
    check_command(typer.main.get_command(app), ["ablate", "--factor", "seed=0,1", "corpus=emodb", "corpus.root=/data"])
    with pytest.raises(SettingError, match="unknown key"):
        check_command(typer.main.get_command(app), ["ablate", "--factor", "seed=0,1", "optim.epoch=2"])


@pytest.mark.parametrize(
    "words",
    [
        ["run", "system=cai2021", "protocol=paper"],
        ["ablate", "mmer2023_ablation", "protocol=paper", "model.fusion.heads=2"],
        ["ablate", "fusion", "system=cai2021", "protocol=paper"],
        ["search", "mmer2023", "--trials", "2", "protocol=paper"],
    ],
)
def test_the_protocol_of_a_paper_is_accepted_where_a_system_is_chosen_even_by_the_study(words):
    check_command(typer.main.get_command(app), words)
    alone = [word for word in words if not word.startswith("system=")]
    if words[:2] in (["run", "system=cai2021"], ["ablate", "fusion"]):
        with pytest.raises(SettingError, match="protocol=paper sets the folds of a published system, but none is chosen"):
            check_command(typer.main.get_command(app), alone)


def test_fetch_into_the_store_of_the_job_copies_nothing(tmp_path):
    job = Job("j", "slurm", ("ablate", "fusion"), {}, str(tmp_path))
    for name, file in (("folds/a/b/fold-1", "record.json"), ("folds/a/b/fold-2", "half"), ("studies/s", "study.json")):
        place = tmp_path / "bridgework" / name
        place.mkdir(parents=True)
        (place / file).write_text("theirs")
    assert "1 folds are there, so there is nothing to copy" in Slurm().fetch(job, tmp_path / "bridgework")


@pytest.fixture(scope="module")
def lab():
    with slurm(3) as made:
        yield made


@pytest.fixture
def folder(lab):
    """A folder that all machines see: not under /tmp, which every machine has for itself."""
    made = Path(tempfile.mkdtemp(prefix="ser-test-", dir="/var/tmp"))
    yield made
    # A job that a failed test leaves behind would take the nodes from the next test.
    lab.run("scancel", "--full", "--user=root")
    shutil.rmtree(made, ignore_errors=True)


def wait_for_end(lab: Lab, folder: Path, job: str, seconds: float = 400) -> str:
    """Waits until Slurm has ended the job and returns its state."""
    over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
    try:
        until(lambda: lab.state(folder, job) in over, seconds, f"the end of {job}")
    finally:
        print(lab.output(folder, job))
    return lab.state(folder, job)


def assert_nothing_is_left(lab: Lab, folder: Path, job: str) -> None:
    """No process of Ray, no folder and no token of a job remains."""
    for node in lab.nodes:
        assert node.files("/tmp/ser-* /tmp/ray") == []
        with contextlib.suppress(FileNotFoundError):
            assert not [pid for pid in node.pids() if "ray" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert not (folder / "bridgework" / "jobs" / job / "token").exists()


@real
def test_two_nodes_train_the_folds_of_one_machine(lab, folder, studied):
    job = lab.submit(folder, *STUDY, *TWO)
    assert wait_for_end(lab, folder, job) == "COMPLETED"
    assert "2 of 2 nodes are registered" in lab.output(folder, job)
    assert_same_folds(folder, studied.folder)
    assert_nothing_is_left(lab, folder, job)
    listed = lab.ser(folder, "jobs").stdout
    assert job in listed and "done" in listed
    assert lab.ser(folder, "logs", job, "--follow").stdout == lab.output(folder, job)
    assert "24 folds are there, so there is nothing to copy" in lab.ser(folder, "fetch", job).stdout


@real
def test_a_requeued_job_goes_on_from_its_records(lab, folder, studied):
    """One of its two nodes is drained in the middle, then the job is requeued and continues with the third."""
    job = lab.submit(folder, *STUDY, *TWO)
    until(lambda: len(records(folder)) >= 3, 300, "3 folds")
    drained = lab.nodes[1].name
    assert not lab.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test").returncode
    try:
        assert not lab.run("scontrol", "requeue", lab.number(folder, job)).returncode
        until(lambda: lab.state(folder, job) == "PENDING", 100, "the job to wait")
        before = records(folder)
        number = lab.number(folder, job)
        lab.run("scontrol", "update", f"jobid={number}", "starttime=now")  # else Slurm lets it wait for two minutes
        assert 3 <= len(before) < 24
        assert wait_for_end(lab, folder, job) == "COMPLETED"
    finally:
        lab.run("scontrol", "update", f"nodename={drained}", "state=resume")
    assert "on machine[1,3], requeued 1 times" in lab.output(folder, job)
    assert "requeued" in lab.ser(folder, "jobs").stdout
    assert before.items() <= records(folder).items(), "a fold was trained twice"
    assert_same_folds(folder, studied.folder)
    assert_nothing_is_left(lab, folder, job)


@real
def test_two_jobs_on_the_same_nodes_do_not_meet(lab, folder, studied):
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    same = ("--nodelist=machine1,machine2",)
    jobs = [lab.submit(each, *STUDY, *TWO, f"submit.directives={same[0]}") for each in folders]
    until(lambda: all(records(each) for each in folders), 400, "folds of both")
    assert [lab.state(*pair) for pair in zip(folders, jobs, strict=True)] == ["RUNNING", "RUNNING"]
    for each, job in zip(folders, jobs, strict=True):
        assert wait_for_end(lab, each, job, 600) == "COMPLETED"
        assert_same_folds(each, studied.folder)
    for each, job in zip(folders, jobs, strict=True):
        assert_nothing_is_left(lab, each, job)


@real
def test_a_stopped_job_ends_cleanly(lab, folder):
    longer = [word.replace("epochs=2", "epochs=300") for word in STUDY]
    job = lab.submit(folder, *longer, *TWO)
    until(lambda: records(folder), 300, "a fold")
    ran = lab.ser(folder, "stop", job)
    assert ran.returncode == 0, ran.stderr
    assert wait_for_end(lab, folder, job, 60) == "FAILED"
    assert not re.search(r"Traceback|SIGTERM received", lab.output(folder, job))
    assert "RUNNING" not in {run.status for run in shown(folder)}
    assert (folder / "bridgework" / "jobs" / job / "state").read_text() == "stopped\n"
    assert_nothing_is_left(lab, folder, job)


@real
def test_slurms_refusal_is_one_sentence(lab, folder):
    ran = lab.ser(folder, "submit", "--on", "slurm", *STUDY, "submit.partition=nope")
    assert ran.returncode == 2
    [line] = [line for line in ran.stderr.splitlines() if not line.startswith("LOADED")]
    assert line.startswith(
        "error: sbatch failed: invalid partition specified: nope; correct the setting (`sinfo` lists partitions"
    )
