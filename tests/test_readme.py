"""The README's commands work as written."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.tune.resources import split_overrides
from ser_core.config.compose import compose
from ser_core.errors import CorpusError
from tests.shared_material import shared

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = [
    line.strip().partition("  #")[0] for line in TEXT.splitlines() if re.match(r"    (pip install uv && )?uv run ser ", line)
]


def words(command: str) -> list[str]:
    """The arguments of `ser`."""
    return shlex.split(command.partition("uv run ser ")[2])


def test_there_are_commands() -> None:
    assert any("ablate fusion" in command for command in COMMANDS) and len(COMMANDS) >= 4
    assert "    uv run pytest" in TEXT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_known_and_its_overrides_compose(command: str) -> None:
    verb = [word for word in words(command) if "=" not in word and not word.startswith("-")]
    overrides = [word for word in words(command) if "=" in word]
    helped = CliRunner().invoke(app, [verb[0], *(verb[1:2] if verb[0] == "corpus" else []), "--help"])
    assert helped.exit_code == 0, helped.output
    compose(split_overrides(overrides)[0], ROOT)


@pytest.mark.shared
def test_the_real_corpora_named_there_can_be_read(tmp_path: Path) -> None:
    for command in COMMANDS:
        overrides = [word for word in words(command) if "=" in word]
        if "corpus=emodb" in overrides:
            root = shared("data", "emodb")
            overrides = [f"corpus.root={root}" if word.startswith("corpus.root=") else word for word in overrides]
            assert len(compose(overrides).corpus.read(tmp_path)) in (454, 535)


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(CorpusError, match=r"mine\.csv"):
        compose(["corpus=table", "corpus.path=mine.csv"]).corpus.read(Path())


@pytest.mark.slow
def test_the_main_job_as_written(tmp_path: Path) -> None:
    first = run_main_job(tmp_path)
    assert "60 folds trained, 0 already recorded" in first
    assert "within noise" in first or "better by" in first or "worse by" in first
    assert "0 folds trained, 60 already recorded" in run_main_job(tmp_path)


def run_main_job(folder: Path) -> str:
    """`ser ablate fusion` in a folder of its own, with this interpreter."""
    call = [sys.executable, "-c", "from cluster.cli.main import main; main()", "ablate", "fusion"]
    done = subprocess.run(call, cwd=folder, env={**os.environ, "COLUMNS": "120"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
