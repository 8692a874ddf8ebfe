"""Implements `ser submit`, `jobs`, `logs`, `stop` and `fetch`: a command runs elsewhere, and its records come home."""

import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.json_file import check_json_file
from cluster.notices import print_notices
from cluster.submit import LAUNCHERS
from cluster.submit.archive import download, upload
from cluster.submit.job import Job, JobFolder, job_name
from cluster.submit.launcher import Launcher
from cluster.submit.send import home_sentence
from cluster.tune.resources import listed_overrides, store_of
from ser_core.config.compose import compose_tree
from ser_core.config.default_store import DEFAULT_STORE
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError, RecordError, SettingError, nearest
from ser_core.options import Option, field_sentences

HERE = ("ui", "submit", "jobs", "logs", "stop", "fetch", "archive")
"""Commands that only make sense on this machine."""
ENDED = ("done", "failed", "stopped", "unknown")
"""States in which nothing is left to stop."""


def submit_job(console: Console, on: str, address: str, file: Path | None, words: Sequence[str]) -> int:
    """Implements `ser submit`: writes the launcher's file and submits it, or only writes it (`--write-only`)."""
    launcher, rest = launcher_from(on, address, words)
    job = Job(job_name(rest), on, rest, dataclasses.asdict(launcher), str(Path.cwd()))
    text = launcher.write(job)  # before a folder exists, as it may refuse the command
    if file is not None:
        _write_only(file, text)
        console.print(f"wrote {file}; nothing was submitted", highlight=False, soft_wrap=True, markup=False)
        return 0
    folder = _store_here(launcher, rest)
    jobs = JobFolder(folder)
    jobs.forget_failed(job)
    jobs.save(job)
    place = jobs.place(job) / (launcher.file_name or "command")
    write_atomically(place, text)
    job = dataclasses.replace(job, remote=launcher.submit(job, place), submitted=time.time())
    jobs.save(job)
    store = "" if folder == Path(DEFAULT_STORE) else f" --store {shlex.quote(str(folder))}"
    lines = {
        "submitted": f"{job.name} ({on} {job.remote})",
        "file": str(place),
        "watch": f"ser logs {job.name} --follow{store}",
        "stop": f"ser stop {job.name}{store}",
        "records": f"ser fetch {job.name}{store}",
    }
    for name, line in lines.items():
        console.print(f"{name:<10} {line}", highlight=False, soft_wrap=True, markup=False)
    return 0


def _write_only(file: Path, text: str) -> None:
    """Writes the launcher's file. Raises SettingError if that is impossible, or would replace a file of yours."""
    check_json_file(file, "--write-only")
    place = file.expanduser()
    try:
        if place.exists() and "`ser submit" not in place.read_text(errors="replace")[:500]:
            raise SettingError(f"--write-only {file} would replace a file that `ser submit` has not written; give another name")
        place.write_text(text)
    except OSError as error:
        raise SettingError(f"--write-only {file} cannot be written: {error.strerror}; give another name") from error


def _store_here(launcher: Launcher, words: Sequence[str]) -> Path:
    """Returns the store on this machine that remembers the job. An absolute run.store may exist on the cluster only."""
    chosen = [word for word in words if launcher.shares_store or not word.startswith("run.store=/")]
    return store_of(chosen)


def launcher_from(on: str, address: str, words: Sequence[str]) -> tuple[Launcher, tuple[str, ...]]:
    """Returns the launcher with its `submit.*` settings, and the other words with @FILE expanded.

    Raises SettingError for an unknown launcher or setting, or for a command that cannot run elsewhere.
    """
    _known(on)
    if not words or words[0] in HERE:
        given = f"ser {words[0]} runs on this machine only" if words else "no command is given"
        raise SettingError(f"{given}; write for instance: ser submit --on {on} ablate fusion")
    words = [each for word in words for each in (listed_overrides(word[1:]) if word.startswith("@") else [word])]
    ours = [word for word in words if word.startswith("submit.")]
    if address:
        if not hasattr(LAUNCHERS[on], "address"):
            raise SettingError(f"--address has no effect with --on {on}; leave it out")
        ours.append(f"submit.address={address}")
    _check_settings(on, ours)
    return _composed(LAUNCHERS[on], ours), tuple(word for word in words if word not in ours)


def _check_settings(on: str, overrides: Sequence[str]) -> None:
    """Raises SettingError for a setting that the launcher lacks, and names the launchers that have it."""
    own = [f"submit.{field}" for field in field_sentences(LAUNCHERS[on])]
    for key in (override.partition("=")[0] for override in overrides):
        if key not in own:
            owners = [name for name, each in LAUNCHERS.items() if key.removeprefix("submit.") in field_sentences(each)]
            hint = f" (it belongs to --on {' and '.join(owners)})" if owners else nearest(key, own)
            raise SettingError(f"--on {on} has no setting {key}{hint}; `ser submit --on {on} --settings` lists what you can set")


def _composed(launcher: type[Launcher], overrides: Sequence[str]) -> Launcher:
    # A tree with one branch, so that settings are read and checked as all other overrides are.
    tree = dataclasses.make_dataclass(
        "Tree", [("submit", launcher, dataclasses.field(default_factory=launcher))], bases=(Option,), frozen=True
    )
    composed: Any = compose_tree(tree, {}, overrides, None)
    return composed.submit


def launcher_of(job: Job) -> Launcher:
    """Returns the launcher of a submitted job, with the settings it was submitted with.

    Raises RecordError for a job of another version of Bridgework.
    """
    try:
        return LAUNCHERS[job.launcher](**job.settings)
    except (KeyError, TypeError):
        raise RecordError(
            f"{job.name} was submitted by another version of Bridgework (--on {job.launcher}); use that version for it"
        ) from None


def _submitted(name: str, store: Path) -> tuple[Launcher, Job]:
    """Returns a job with its launcher. Raises RecordError for a job that is unknown, or that the cluster never got."""
    job = JobFolder(store).load(name)
    launcher = launcher_of(job)
    if not job.remote:
        command = shlex.join(["ser", "submit", "--on", job.launcher, *job.words])
        raise RecordError(f"{job.name} was never submitted, because that failed; submit it again: {command} ...")
    return launcher, job


def list_jobs(console: Console, store: Path) -> None:
    """Implements `ser jobs`: lists the jobs submitted from a store, with what they are doing now."""
    table = Table("job", "on", "state", "submitted", "command")
    for job in JobFolder(store).all():
        try:
            launcher = launcher_of(job)
            said = (launcher.state(job), launcher.remark(job)) if job.remote else ("not submitted",)
            state = ", ".join(filter(None, said))
        except BridgeworkError as error:
            state = "unknown"
            print_notices([f"{job.name}: {error}"])
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.submitted)) if job.submitted else "-"
        table.add_row(job.name, f"{job.launcher} {job.remote}".strip(), state, when, shlex.join(("ser", *job.words)))
    console.print(table if table.row_count else f"no job in {store} yet; start with: ser submit --on ray ablate fusion")


def print_logs(name: str, follow: bool, store: Path) -> None:
    """Implements `ser logs`: prints what a job has printed."""
    launcher, job = _submitted(name, store)
    for piece in launcher.logs(job, follow):
        sys.stdout.write(piece)
        sys.stdout.flush()


def stop_job(console: Console, name: str, store: Path) -> None:
    """Implements `ser stop`: stops a job. Its records stay."""
    launcher, job = _submitted(name, store)
    state = launcher.state(job)
    if state in ENDED:
        told = "the cluster no longer knows it" if state == "unknown" else f"its state is {state}"
        console.print(f"{job.name} does not run ({told}); nothing was stopped", soft_wrap=True)
        return
    launcher.stop(job)
    console.print(f"{job.name} is stopped; its records stay, and submitting the command again continues it", soft_wrap=True)


def fetch_job(console: Console, name: str, store: Path, into: Path | None = None) -> None:
    """Implements `ser fetch`: brings the records and studies of a job, or of an archive, into a store (default: `store`)."""
    target = into or store
    if "://" in name:
        sentence = home_sentence(download(name, RunStore(target)), target)
    elif "/" in name:
        raise SettingError(f"{name} is no job; a job has a name such as ablate-fusion-3f9a, an archive file:///PATH or s3://...")
    else:
        launcher, job = _submitted(name, store)
        sentence = launcher.fetch(job, target)
    console.print(sentence, highlight=False, soft_wrap=True, markup=False)


def archive_study(console: Console, study: str, url: str, store: Path) -> None:
    """Implements `ser archive`: copies a study and its records, or all of them, into an archive."""
    new = upload(RunStore(store), study, url)
    console.print(f"{new} new objects are in {url}; bring them home with: ser fetch {url}", soft_wrap=True, markup=False)


def print_settings(console: Console, on: str) -> None:
    """Implements `ser submit --settings`: prints the settings of a launcher with their defaults."""
    launcher = LAUNCHERS[_known(on)]
    table = Table("setting", "default", "meaning")
    default = {field.name: field.default for field in dataclasses.fields(launcher)}
    for field, sentence in field_sentences(launcher).items():
        table.add_row(f"submit.{field}", escape(str(default[field])), escape(sentence))
    console.print(table)


def _known(on: str) -> str:
    if not on:
        raise SettingError(f"name the kind of cluster: --on {', --on '.join(LAUNCHERS)}")
    if on not in LAUNCHERS:
        raise SettingError(f"--on {on}: no such launcher{nearest(on, LAUNCHERS)}; choose from {', '.join(LAUNCHERS)}")
    return on
