"""A job: a command of `ser` that runs elsewhere, and what this machine remembers of it.

<store>/jobs/<name>/job.json       command, launcher, settings, the id that the cluster gave
<store>/jobs/<name>/study.sbatch   the file that was submitted (or rayjob.yaml, sky.yaml)
"""

import dataclasses
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.notices import print_notices
from ser_core.content_hashes import write_atomically
from ser_core.errors import RecordError, nearest


@dataclasses.dataclass(frozen=True)
class Job:
    """A submitted command. Nothing in it is secret."""

    name: str
    """Verb, study and four random letters, such as ablate-fusion-3f9a. Only lower-case letters, digits and `-`."""
    launcher: str
    """Key of cluster.submit.LAUNCHERS."""
    words: tuple[str, ...]
    """The command after `ser`, with @FILE already expanded and without the `submit.*` overrides."""
    settings: dict[str, Any]
    """Fields of the launcher."""
    folder: str
    """Folder in which the command was submitted."""
    remote: str = ""
    """The id that the cluster gave; "" before the submission."""
    submitted: float = 0.0
    """Seconds since 1970."""


def job_name(words: tuple[str, ...]) -> str:
    """Returns a new name for a job, valid as a file name, a Slurm job name and a Kubernetes name of up to 40 characters."""
    return f"{plain_name(words)}-{secrets.token_hex(2)}"


def plain_name(words: Sequence[str]) -> str:
    """Returns verb and study of a command, such as ablate-fusion: up to 35 lower-case letters, digits and `-`."""
    head = "-".join(word for word in words[:2] if "=" not in word and not word.startswith("-"))
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in head.lower()).strip("-")
    return plain[:35].rstrip("-") or "job"


class JobFolder:
    """The jobs that were submitted from a store."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "jobs"

    def place(self, job: Job) -> Path:
        """Returns the job's folder."""
        return self.folder / job.name

    def save(self, job: Job) -> None:
        """Writes job.json atomically."""
        self.place(job).mkdir(parents=True, exist_ok=True)
        write_atomically(self.place(job) / "job.json", json.dumps(dataclasses.asdict(job), indent=1))

    def load(self, name: str) -> Job:
        """Returns the job with this name, or whose remote id it is. Raises RecordError that lists the jobs."""
        known = list(self.all())
        for job in known:
            if name in (job.name, job.remote):
                return job
        names = [job.name for job in known]
        listed = f"it has: {', '.join(names[:10])}{', ...' if names[10:] else ''}" if names else "it has none yet"
        raise RecordError(
            f"no job {name!r} in {self.folder}{nearest(name, names)}; {listed}. If you submitted it elsewhere, name its --store"
        )

    def all(self) -> Iterator[Job]:
        """Yields every job, latest first. Names damaged ones on stderr and leaves them out."""
        for file in sorted(self.folder.glob("*/job.json"), key=lambda file: -file.stat().st_mtime):
            try:
                fields = json.loads(file.read_text())
                found = Job(**{**fields, "words": tuple(fields["words"])})
            except (ValueError, KeyError, TypeError) as error:
                print_notices([f"{file} is damaged ({error}) and left out; delete its folder, the cluster keeps the job"])
            else:
                yield found

    def forget_failed(self, job: Job) -> None:
        """Deletes what failed submissions of the same command have left."""
        for other in list(self.all()):
            if not other.remote and (other.launcher, other.words) == (job.launcher, job.words):
                shutil.rmtree(self.place(other))
