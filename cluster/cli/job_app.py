"""Defines the commands that run others elsewhere: `ser submit`, `jobs`, `logs`, `stop`, `fetch` and `archive`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ser_core.config.default_store import DEFAULT_STORE
from ser_core.errors import SettingError

job_app = typer.Typer()
console = Console(emoji=False) if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=100, emoji=False)


def _folder(store: Path) -> Path:
    """Returns the store in full. Raises SettingError if it is a file."""
    if store.expanduser().is_file():
        raise SettingError(f"--store {store} is a file; give the folder with the records")
    return store.expanduser()


Store = Annotated[Path, typer.Option(help="Folder with records and studies.", callback=_folder)]
STORE = Path(DEFAULT_STORE)


@job_app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def submit(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(help="A command of ser with its options and overrides, and submit.* settings.")
    ] = None,
    on: Annotated[str, typer.Option(help="Kind of cluster: ray, slurm, kubernetes or sky.")] = "",
    address: Annotated[str, typer.Option(help="Where the cluster answers, such as http://HOST:8265.")] = "",
    write_only: Annotated[Path | None, typer.Option(help="File to write instead of submitting.", dir_okay=False)] = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print the submit.* settings of --on and stop.")] = False,
) -> None:
    """Run a command on a cluster: write one readable file and submit it."""
    from cluster.cli.job_commands import print_settings, submit_job
    from cluster.cli.submit_check import check_command

    if settings:
        print_settings(console, on)
        return
    if words:
        check_command(context.find_root().command, words)
    sys.exit(submit_job(console, on, address, write_only, words or []))


@job_app.command()
def jobs(store: Store = STORE) -> None:
    """List submitted jobs and what they are doing."""
    from cluster.cli.job_commands import list_jobs

    list_jobs(console, store)


@job_app.command()
def logs(
    job: Annotated[str, typer.Argument(help="Name of a job; `ser jobs` lists them.")],
    follow: Annotated[bool, typer.Option("--follow", help="Continue until the job ends.")] = False,
    store: Store = STORE,
) -> None:
    """Print the output of a job."""
    from cluster.cli.job_commands import print_logs

    print_logs(job, follow, store)


@job_app.command()
def stop(job: Annotated[str, typer.Argument(help="Name of a job; `ser jobs` lists them.")], store: Store = STORE) -> None:
    """Stop a job. Its records stay."""
    from cluster.cli.job_commands import stop_job

    stop_job(console, job, store)


@job_app.command()
def fetch(
    job: Annotated[str, typer.Argument(help="Name of a job, or an archive such as s3://BUCKET/PATH.")],
    store: Store = STORE,
    into: Annotated[
        Path | None, typer.Option(help="Store that the records are copied into; empty means --store.", file_okay=False)
    ] = None,
) -> None:
    """Bring the records and studies of a job, or of an archive, to this machine."""
    from cluster.cli.job_commands import fetch_job

    fetch_job(console, job, store, into and into.expanduser())


@job_app.command()
def archive(
    study: Annotated[str, typer.Argument(help="Id or name of a study; `all` means everything in the store.")],
    url: Annotated[str, typer.Argument(help="s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH.")],
    store: Store = STORE,
) -> None:
    """Copy a study and its records to an archive, except what is already there."""
    from cluster.cli.job_commands import archive_study

    archive_study(console, study, url, store)
