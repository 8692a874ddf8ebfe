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


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for file in (file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def arrows() -> set[tuple[str, str]]:
    """(importing, imported) modules, those imported inside functions or for types alone too."""
    known, found = modules(), set[tuple[str, str]]()
    for name, file in known.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {(name, target) for target in (inner & known.keys() or {node.module} & known.keys())}
    return {(one, other) for one, other in found if one != other}


def room_of(module: str) -> str:
    """Two parts of a module's name: a file at the top of a package is a room by itself."""
    return ".".join(module.split(".")[:2])


def circles(pairs: set[tuple[str, str]]) -> set[str]:
    """The names that can be reached from themselves."""
    onward: dict[str, set[str]] = {}
    for one, other in pairs:
        onward.setdefault(one, set()).add(other)

    def reached(start: str) -> set[str]:
        seen, waiting = set[str](), set(onward.get(start, ()))
        while waiting:
            name = waiting.pop()
            seen.add(name)
            waiting |= onward.get(name, set()) - seen
        return seen

    return {name for name in onward if name in reached(name)}


def test_no_import_circle_between_files() -> None:
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == {"a", "b", "c"}
    assert not circles(arrows())


def test_no_import_circle_between_rooms() -> None:
    assert not circles({(room_of(one), room_of(other)) for one, other in arrows() if room_of(one) != room_of(other)})
