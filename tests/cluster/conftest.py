"""How these tests run `ser`, what they read of MLflow, and one real study that many of them look at.

The study is run once per session, by whichever pytest process comes first: two real Ray starts (seeds 1, then 2).
"""

import contextlib
import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

SMALL = ("corpus.speakers=4", "corpus.sentences=6", "model.width=16", "optim.epochs=2", "optim.refit=false")
PROGRAM = """
import atexit, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control has its background ignore Ctrl-C
loaded = lambda: sys.stderr.write("".join(f"LOADED {name}\\n" for name in ("ray", "mlflow", "optuna") if name in sys.modules))
atexit.register(loaded)
from cluster.cli.main import main
main()
"""


@dataclasses.dataclass(frozen=True)
class Ran:
    """A finished `ser`: exit code, what it printed, which heavy libraries it loaded, how long it took."""

    code: int
    out: str
    err: str
    loaded: list[str]
    seconds: float


@contextlib.contextmanager
def started(folder: Path, *words: str, program: str = PROGRAM) -> Iterator["subprocess.Popen[str]"]:
    """`ser` with these words in that folder; stopped, with the Ray it began, if the test leaves it running."""
    foreign = ("RAY_", "PYTEST", "MLFLOW", "COLUMNS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [sys.executable, "-c", program, *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def ended(process: "subprocess.Popen[str]", seconds: float = 300) -> Ran:
    """Waits for it."""
    begun = time.monotonic()
    out, err = process.communicate(timeout=seconds)
    lines = err.splitlines()
    loaded = [line.removeprefix("LOADED ") for line in lines if line.startswith("LOADED ")]
    said = "\n".join(line for line in lines if not line.startswith("LOADED "))
    return Ran(process.returncode, out, said, loaded, time.monotonic() - begun)


def ser(folder: Path, *words: str) -> Ran:
    """Runs `ser` to its end."""
    with started(folder, *words) as process:
        return ended(process)


def records(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and modification time of every fold record: unequal when a fold was written anew."""
    files = sorted((folder / "bridgework" / "folds").glob("*/*/fold-*/record.json"))
    return {str(file.parent.relative_to(folder)): (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def until(condition, seconds: float, what: str) -> None:
    """Polls until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.05)


@dataclasses.dataclass(frozen=True)
class Shown:
    """A run as MLflow's database holds it."""

    id: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]

    @property
    def kind(self) -> str:
        return self.tags["ser.kind"]

    @property
    def parent(self) -> str:
        return self.tags.get("mlflow.parentRunId", "")


def shown(folder: Path) -> list[Shown]:
    """The runs in the store's tracking database, without deleted ones, read with nothing but SQLite."""
    with contextlib.closing(sqlite3.connect(folder / "bridgework" / "mlflow.db")) as database:
        runs = database.execute("select run_uuid, status from runs where lifecycle_stage = 'active'").fetchall()
        tags = database.execute("select run_uuid, key, value from tags").fetchall()
        metrics = database.execute("select run_uuid, key, value from latest_metrics").fetchall()
    return [
        Shown(
            run,
            status,
            {key: value for owner, key, value in tags if owner == run},
            {key: value for owner, key, value in metrics if owner == run},
        )
        for run, status in runs
    ]


@dataclasses.dataclass(frozen=True)
class Studied:
    """The study of the session: `ser ablate fusion` with one seed, then with two."""

    folder: Path
    first: Ran
    second: Ran
    before: dict[str, tuple[int, int]]
    """Records after the first run."""


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, notes = root / "studied", root / "studied.json"
    with FileLock(root / "studied.lock"):
        if not notes.exists():
            folder.mkdir()
            first = ser(folder, "ablate", "fusion", *SMALL, "--seeds", "1")
            before = records(folder)
            second = ser(folder, "ablate", "fusion", *SMALL, "--seeds", "2")
            notes.write_text(json.dumps([dataclasses.asdict(first), dataclasses.asdict(second), before]))
    first, second, before = json.loads(notes.read_text())
    return Studied(folder, Ran(**first), Ran(**second), {key: tuple(value) for key, value in before.items()})
