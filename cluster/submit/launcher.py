"""What every launcher does: write one readable file, submit it, and look after the job until its records are home."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from cluster.submit.job import Job
from ser_core.options import Option


@dataclasses.dataclass(frozen=True)
class Launcher(Option, ABC):
    """Base of the launchers. A launcher's fields are set by `submit.FIELD=VALUE`; they never change a fold's identity."""

    key: ClassVar[str] = "submit"
    file_name: ClassVar[str] = ""
    """Name of the file that is written and submitted; "" when the launcher needs none."""
    shares_store: ClassVar[bool] = False
    """Whether this machine sees the store of a job at the same path. Otherwise an absolute run.store is a path of the cluster."""

    @abstractmethod
    def write(self, job: Job) -> str:
        """Returns the file's text (or, without a file, the command that you could type instead). Holds no secret."""

    @abstractmethod
    def submit(self, job: Job, file: Path) -> str:
        """Submits the written file and returns the cluster's id of the job. Raises BridgeworkError with one sentence."""

    @abstractmethod
    def state(self, job: Job) -> str:
        """Returns one of STATES. Raises BridgeworkError when the cluster does not answer."""

    def remark(self, job: Job) -> str:
        """Returns what `ser jobs` adds to the state, such as how often the job was requeued; "" for nothing."""
        return ""

    @abstractmethod
    def logs(self, job: Job, follow: bool) -> Iterator[str]:
        """Yields the job's output in pieces. With `follow`, continues until the job ends."""

    @abstractmethod
    def stop(self, job: Job) -> None:
        """Stops the job. Its records stay, and submitting the same command again continues it."""

    @abstractmethod
    def fetch(self, job: Job, store: Path) -> str:
        """Brings the job's records and studies into a store on this machine. Returns one sentence about what came.

        Records that the store has already are kept. Raises BridgeworkError when nothing can come.
        """


STATES = ("waiting", "running", "done", "failed", "stopped", "unknown")
"""What a job may be doing. `unknown`: the cluster has forgotten it."""
