"""The recipes of the READMEs, followed literally in a copy of the project: two files each, and the contracts hold."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared_material import ROOT

READMES = ("ser_core/README.md", "search_spaces/README.md", "ablations/README.md")
CODE = r":\n\n```python\n(.*?)```"
WRITTEN = re.compile(rf"[Ww]rite\s+`([\w/]+\.py)`{CODE}\n\nAdd to `(\w+)` in `([\w/]+\.py)`[^\n]*{CODE}", re.DOTALL)
"""A recipe: the new file with its code, then the table, its file, and the lines to add."""
OPTIONS = {"gated", "script", "mine", "energy", "face", "inverse", "regularisation", "dropout"}
CONTRACTS = (
    *("tests/ser_core/fusion/test_fusions.py", "tests/ser_core/tasks/test_tasks.py", "tests/ser_core/metrics/test_metrics.py"),
    *("tests/ser_core/corpus/test_licences.py", "tests/ser_core/encoders/test_encoders.py", "tests/test_style.py"),
    *("tests/ser_core/weighting/test_weightings.py", "tests/search_spaces/test_spaces.py", "tests/ablations/test_study.py"),
    *("tests/ser_core/config/test_identity.py", "tests/ser_core/training/test_stages.py"),
)
CHOSEN = " or ".join(
    [
        *OPTIONS,
        *(name.title() for name in OPTIONS),
        *("test_metrics", "changed_default", "renames", "every_stage", "reaches_every"),
    ]
)


def add_line(text: str, table: str, lines: str) -> str:
    """The text of a table's file with the import above the table and the entry at its end."""
    added = lines.splitlines(keepends=True)
    imports, entry = "".join(line for line in added if line[0] != " "), "".join(line for line in added if line[0] == " ")
    start = re.search(rf"^(class )?{table}\b", text, re.MULTILINE)
    assert start and imports and entry, table
    end = text.index("\n\n    def " if start[1] else "\n}", start.start()) + 1
    first = re.search(r"^from ", text, re.MULTILINE)
    assert first
    return text[: first.start()] + imports + text[first.start() : end] + entry + text[end:]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """A copy of the project in which every recipe was followed, and the files that each recipe touched."""
    copy = tmp_path_factory.mktemp("recipes") / "project"
    leave_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=leave_out)
    touched: dict[str, set[str]] = {}
    for readme in READMES:
        for name, code, table, place, lines in WRITTEN.findall((ROOT / readme).read_text()):
            assert not (copy / name).exists()
            (copy / name).write_text(code)
            (copy / place).write_text(add_line((copy / place).read_text(), table, lines))
            touched[Path(name).stem] = {name, place}
    return copy, touched


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": str(copy), "SER_SHARED": os.environ.get("SER_SHARED", str(ROOT.parent / "shared"))}
    return subprocess.run([sys.executable, *command], cwd=copy, env={**os.environ, **paths}, text=True, capture_output=True)


def test_every_recipe_is_two_files(followed: tuple[Path, dict[str, set[str]]]) -> None:
    assert set(followed[1]) == OPTIONS | {"kappa"}
    assert all(len(files) == 2 for files in followed[1].values())


def test_the_contracts_hold_for_what_was_added(followed: tuple[Path, dict[str, set[str]]]) -> None:
    copy, _ = followed
    pins = "tests/ser_core/config/test_identity.py::test_a_changed_default_raises_an_edition"
    assert "was not up to date" in run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", pins).stdout
    before, after = (json.loads((root / "tests/ser_core/config/defaults.json").read_text()) for root in (ROOT, copy))
    grown = {"tasks", "model"} | {key for key in before if "weights" in key}
    assert {key: after[key] for key in before.keys() - grown} == {key: before[key] for key in before.keys() - grown}
    done = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", CHOSEN, *CONTRACTS)
    assert done.returncode == 0, done.stdout[-6000:]
    passed = [line for line in done.stdout.splitlines() if "PASSED" in line]
    for name in OPTIONS:
        assert any(re.search(name, line, re.IGNORECASE) for line in passed), name


def test_what_was_added_is_scored_searched_weighed_and_offered(followed: tuple[Path, dict[str, set[str]]]) -> None:
    """Nothing else has to hear of the task, the metric and the fusion."""
    program = """
import pandas as pd
from cluster.search.objectives import Objective
from ser_core.config.compose import compose
from ser_core.evaluation.score import headline, score
from search_spaces.spaces import SPACES
table = pd.DataFrame({f"{task}.{part}": list("aabb") for task in ("emotion", "script") for part in ("target", "predicted")})
found = score(table)
assert {"kappa", "uar", "script.uar", "script.wa"} <= set(found) and "script.kappa" not in found, found
assert headline({"script.uar": 0.25}) == 0.25 and Objective("kappa").sign == 1
assert "sharpness" in str(SPACES["fusion"].ranges["model.fusion"]) and "tasks.script.weight" in SPACES["tasks"].ranges
weights = ["stages=two", "stages.first.weights.script=0.5", "tasks.script.weight=1"]
config = compose([*weights, "model.fusion=gated", "weighting=inverse", "model.face=./faces", "conditions=[without_face]"])
assert config.model.channels == ("speech", "text", "face") and config.model.face_dropout is None
assert config.stages.first.weights.given() == {"script": 0.5}
"""
    done = run(followed[0], "-W", "ignore", "-c", program)
    assert done.returncode == 0, done.stderr[-3000:]
