"""Quoted figures are those of the recorded results, and every benchmark can at least say how it is called."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.shared_material import ROOT

BENCHMARKS = ROOT / "tests" / "benchmarks"
COMMANDS = sorted(file.stem for file in BENCHMARKS.glob("*.py") if "ArgumentParser" in file.read_text())


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A benchmark as Python loads a script: its folder comes first."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_readmes_say_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = loaded("readme", monkeypatch)
    for file, commands in readme.READMES.items():
        text = file.read_text()
        assert readme.renewed(text, readme.table(commands)) == text, "run: python tests/benchmarks/readme.py"
        assert readme.renewed(text, "another table") != text


def test_results_name_device_and_date_and_no_place() -> None:
    for file in sorted((BENCHMARKS / "results").glob("*.json")):
        assert {"device", "date"} <= set(json.loads(file.read_text())), file.name
        assert str(Path.home()) not in file.read_text() and '"/' not in file.read_text() and "=/" not in file.read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_says_how_it_is_called(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = loaded(name, monkeypatch)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as end:
        benchmark.main()
    assert end.value.code == 0 and "usage" in capsys.readouterr().out
