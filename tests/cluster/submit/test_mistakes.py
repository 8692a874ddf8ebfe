"""A mistake in `ser submit`, `jobs`, `logs`, `stop`, `fetch` or `archive` costs one sentence, before anything is sent."""

import dataclasses
import json
import signal
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from cluster.cli import job_app, job_commands
from cluster.cli import main as cli
from cluster.submit import ray_jobs
from cluster.submit.bundle import copy
from cluster.submit.job import JobFolder
from cluster.submit.programs import run_program
from cluster.submit.ray_client import Dashboard
from cluster.submit.ray_jobs import RayJobs
from cluster.submit.send import received
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError, RecordError
from tests.cluster.submit.conftest import fill

RAY = "submit --on ray --write-only ok.txt --address http://h:8265"


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """`ser` in this process and an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    for module in (cli, job_app):
        monkeypatch.setattr(module, "console", Console(width=300))
    before = signal.getsignal(signal.SIGTERM)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ser", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
            raise SystemExit(0)
        return end.value.code or 0, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("submit", "name the kind of cluster: --on ray, --on slurm"),
        ("submit --on slrum ablate fusion", "no such launcher (did you mean slurm?)"),
        ("submit --on ray --address http://h:x ablate fusion", "the port must be a number"),
        ("submit --on ray --address h:99999 ablate fusion", "the port must be a number"),
        (f"{RAY} ablte fusion", "no command 'ablte' (did you mean ablate?)"),
        (f"{RAY} ablate fusoin", "no study 'fusoin' (did you mean fusion?)"),
        (f"{RAY} ablate", "no study given"),
        (f"{RAY} ablate fusion width", "width"),
        (f"{RAY} ablate fusion @no_file", "@no_file cannot be read"),
        (f"{RAY} ablate fusion @a_file", "not a YAML list of overrides"),
        (f"{RAY} ablate fusion --mode retund", "no such mode (did you mean retuned?)"),
        (f"{RAY} ablate fusion --seeds 0", "--seeds must be at least 1"),
        (f"{RAY} search wieghts", "no search space 'wieghts' (did you mean weights?)"),
        (f"{RAY} search weights --sampler tpee", "tpee"),
        (f"{RAY} search weights --pruning ashaa", "ashaa"),
        (f"{RAY} search weights --storage postgresql://me:hidden@h/d", "PGPASSWORD"),
        (f"{RAY} ablate fusion submit.nodes=3", "(it belongs to --on slurm and sky); `ser submit --on ray --settings`"),
        (f"{RAY} ablate fusion submit.adress=h", "no setting submit.adress (did you mean submit.address?)"),
        (f"{RAY} ablate fusion submit.archive=http://lab/x", "got http://lab/x"),
        ("submit --on ray --write-only /proc/x --address http://h:8265 ablate fusion", "/proc/x cannot be written"),
        ("submit --on sky --write-only ok.txt ablate fusion submit.data_from=/no/corpus", "submit.data_from=/no/corpus does not"),
        ("jobs --store a_file", "--store a_file is a file"),
        ("studies --store a_file", "--store a_file is a file"),
        ("fetch file:///x --store a_file", "--store a_file is a file"),
        ("fetch /my/archive", "no job; a job has a name such as ablate-fusion-3f9a, an archive file:///PATH"),
        ("logs nothing", "it has none yet. If you submitted it elsewhere, name its --store"),
        ("archive all file:///x --store nowhere", "holds no records yet; name the store"),
        ("archive fusion file://folder/x", "three slashes, file:///folder/x"),
        ("archive fusion bucket/x", "got bucket/x"),
        ("archive fusion http://me:hidden@lab/x", "got http://lab/x"),
    ],
)
def test_one_sentence_names_the_mistake(typed, tmp_path, words, said):
    (tmp_path / "a_file").write_text("mine")
    code, out, err = typed(*words.split())
    assert code == 2 and said in err and len(err.splitlines()) == 1, out + err
    assert "hidden" not in err and "Traceback" not in err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a_file"], "nothing is left behind"


def test_a_file_that_is_yours_is_not_overwritten(typed, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    words = ["--address", "http://h:8265", "ablate", "fusion"]
    code, _, err = typed("submit", "--on", "ray", "--write-only", "README.md", *words)
    assert code == 2 and "has not written; give another name" in err
    assert (tmp_path / "README.md").read_text() == "mine"
    for _ in range(2):
        assert typed("submit", "--on", "ray", "--write-only", "study.txt", *words)[0] == 0


def test_a_failed_submission_leaves_one_job_that_says_so(typed, tmp_path):
    for _ in range(2):
        code, _, err = typed("submit", "--on", "ray", "--address", "http://127.0.0.1:1", "ablate", "fusion")
        assert code == 2 and "no dashboard answers" in err
    (job,) = (tmp_path / "bridgework" / "jobs").iterdir()
    assert "not submitted" in typed("jobs")[1]
    for verb in ("logs", "stop", "fetch"):
        code, _, err = typed(verb, job.name)
        assert code == 2 and "was never submitted" in err and "ser submit --on ray ablate fusion" in err


def test_jobs_that_cannot_be_read_are_named_and_hide_no_others(typed, tmp_path, job):
    store = JobFolder(tmp_path / "bridgework")
    store.save(dataclasses.replace(job, name="later-1", launcher="quantum", remote="1"))
    store.save(dataclasses.replace(job, name="later-2", settings={"of": "tomorrow"}, remote="2"))
    store.save(dataclasses.replace(job, name="broken"))
    (store.folder / "broken" / "job.json").write_text("{")
    code, out, err = typed("jobs")
    assert code == 0 and "later-1" in out and "later-2" in out and "broken" in err
    for name in ("later-1", "later-2"):
        code, _, err = typed("logs", name)
        assert code == 2 and "by another version of Bridgework" in err and "Traceback" not in err


def test_an_absolute_store_of_the_cluster_is_not_made_on_this_machine(typed, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_jobs.RayJobs, "submit", lambda self, job, file: job.name)
    there = tmp_path / "scratch" / "store"
    code, out, _ = typed("submit", "--on", "ray", "--address", "h:8265", "ablate", "fusion", f"run.store={there}")
    assert code == 0 and "--store" not in out
    assert not there.exists() and list((tmp_path / "bridgework" / "jobs").glob("ablate-fusion-*/job.json"))


@pytest.mark.parametrize("words", ["run", "ablate fusion", "search weights"])
def test_a_store_in_ray_s_package_folder_is_refused_before_anything_is_read(typed, tmp_path, monkeypatch, words):
    package = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_1"
    package.mkdir(parents=True)
    monkeypatch.chdir(package)
    code, out, err = typed(*words.split())
    assert code == 2 and "lies in Ray's own package folder" in err and out == ""
    assert not list(package.iterdir())


def test_a_dashboard_is_no_address_of_a_cluster_to_join(typed):
    code, out, err = typed("ablate", "fusion", "cluster.address=http://h:8265")
    assert code == 2 and "is a dashboard; run the command there with `ser submit --on ray --address" in err and out == ""


@pytest.mark.parametrize(("state", "said"), [("done", "its state is done"), ("unknown", "the cluster no longer knows it")])
def test_a_job_that_has_ended_is_not_stopped(job, tmp_path, monkeypatch, state, said):
    JobFolder(tmp_path).save(dataclasses.replace(job, remote="it", settings={"address": "h:1"}))
    monkeypatch.setattr(RayJobs, "state", lambda self, job: state)
    console = Console(width=300, record=True)
    job_commands.stop_job(console, job.name, tmp_path)
    assert f"does not run ({said}); nothing was stopped" in console.export_text()


def test_a_slurm_job_is_fetched_into_another_store_with_what_came_later(typed, tmp_path, filled, job):
    source = RunStore(tmp_path / "bridgework")
    copy(filled, source)
    JobFolder(source.folder).save(dataclasses.replace(job, launcher="slurm", folder=str(tmp_path), words=("run",), remote="7"))
    assert "3 new records and fusion-123456 came into other" in typed("fetch", job.name, "--into", "other")[1]
    more = fill(tmp_path / "more", folds=5)
    file = more.folder / "studies" / "fusion-123456" / "study.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "question": "a later one"}))
    copy(more, source)
    assert "2 new records and fusion-123456" in typed("fetch", job.name, "--into", "other")[1]
    assert "a later one" in (tmp_path / "other" / "studies" / "fusion-123456" / "study.json").read_text()


def test_a_fetch_that_fails_says_why_without_what_ray_prints():
    said = (
        "2026-11-29 INFO job_manager.py -- setting up.\nsh: exec: /no/python: not found\nRunning entrypoint for job f: exec x\n"
    )
    with pytest.raises(RecordError, match=r"its job printed: sh: exec: /no/python: not found. Check that submit.python names"):
        received(said)


def test_a_job_that_ray_has_forgotten_is_named(job, tmp_path):
    def forgotten(name):
        raise RuntimeError("Request failed with status code 404: Job it does not exist.")

    dashboard = Dashboard.__new__(Dashboard)
    dashboard.address, dashboard._client = "http://h:8265", SimpleNamespace(get_job_logs=forgotten, get_job_status=forgotten)
    with pytest.raises(BridgeworkError, match=r"no longer knows this job, .* submit the command again"):
        dashboard.log("it")
    assert dashboard.status("it") == ""


def test_the_reason_of_a_program_is_its_last_line(tmp_path):
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'E1129 noise' >&2\necho 'the server was refused' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(BridgeworkError, match=r"^`kubectl get rayjob` failed: the server was refused$"):
        run_program([str(program), "-n", "default", "get", "rayjob", "x", "-o", "json"])


def test_a_machine_without_slurm_is_told_where_to_submit(typed, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    fatal = "sbatch: error: DNS SRV lookup failed\\nsbatch: fatal: Could not establish a configuration source"
    program.write_text(f"#!/bin/sh\nprintf '{fatal}\\n' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    code, _, err = typed("submit", "--on", "slurm", "ablate", "fusion")
    assert code == 2 and "sbatch finds no Slurm cluster on this machine; run this on a login node of it" in err
