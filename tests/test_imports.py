"""Imports point down: the engine knows neither studies nor clusters, and starts without what only those need."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared_material import ROOT

ROOMS = ("ser_core", "search_spaces", "ablations", "cluster")
HEAVY = ("ray", "optuna", "mlflow")
MAY_IMPORT = {
    "ser_core": {"ser_core"},
    "search_spaces": {"ser_core", "search_spaces"},
    "ablations": {"ser_core", "search_spaces", "ablations"},
    "cluster": set(ROOMS),
}
LIGHT = {
    "ser_core.cross_validation.cross_validate": (*HEAVY, "transformers", "matplotlib", "ablations", "search_spaces", "cluster"),
    "ser_core.config.compose": (*HEAVY, "transformers", "matplotlib"),
    "search_spaces.spaces": (*HEAVY, "ablations", "cluster"),
    "ablations.studies": (*HEAVY, "transformers", "cluster"),
}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write the import in full"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_imports_upwards(room: str) -> None:
    forbidden = {*ROOMS, *(HEAVY if room != "cluster" else ()), "tests"} - MAY_IMPORT[room]
    wrong = {
        str(file.relative_to(ROOT)): found
        for file in (ROOT / room).rglob("*.py")
        if (found := sorted(forbidden.intersection(imported(file))))
    }
    assert not wrong


@pytest.mark.parametrize("module", LIGHT)
def test_a_fresh_process_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(LIGHT[module]).intersection(said.stdout.split())
