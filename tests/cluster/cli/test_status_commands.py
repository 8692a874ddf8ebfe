"""`ser status` and `ser studies`: what they print, without PyTorch or Ray, on real studies and on written summaries."""

import dataclasses
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from cluster.cli import status_commands
from cluster.cli.commands import Lines
from cluster.cli.status_commands import list_studies, show_status
from cluster.status.summary import FINISHED, NAME, RUNNING, Failure, NodeUse, Running, Summary, this_process, write_summary
from cluster.study_record import load_study
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from tests.cluster.conftest import Studied, ser
from tests.shared_material import ROOT


def written(store: Path, name: str, state: str, done: int = 3) -> Summary:
    """Writes a study with a fresh summary."""
    folder = store / "studies" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text("{}")
    node = NodeUse(since=time.time() - 100, slots=2, running=1, folds=3, seconds=50.0)
    running = [Running("a [b]", 0, [4], "n (1)", time.time())] if state == RUNNING else []
    made = Summary(name, "ablation", name, "Does [it] help?", f"ser ablate {name}", state, total=9, done=done, running=running)
    facts = {"nodes": {"n (1)": node}, "gpu_seconds": 3600.0, "price": 2.5, "estimate": 120.0, "failed": 1, "began": time.time()}
    failures = [Failure("a, seed 0, fold 2", "no memory [x]", "n (1)")]
    made = dataclasses.replace(made, **facts, **this_process(), failures=failures, measured=time.time(), updated=time.time())
    write_summary(made, folder / NAME)
    return made


def shown(store: Path, name: str = "", follow: bool = False, plain: bool = False) -> tuple[int, str]:
    console = Console(width=100, record=True, force_terminal=False)
    code = show_status(console, name, store, follow, plain)
    return code, console.export_text()


def test_everything_is_said_of_a_study_that_runs(tmp_path: Path) -> None:
    written(tmp_path, "one", FINISHED)
    written(tmp_path, "two", RUNNING)
    code, out = shown(tmp_path)
    assert code == 0
    for said in (
        "two  running",
        "3/9 done, 1 trial running, 1 failed",
        "1 GPU-hours, cost 2.50",
        "about 2 min",
        "a [b], seed 0",
    ):
        assert said in out
    assert "no memory [x]" in out and "Does [it] help?" in out and "n (1)" in out and "1/2" in out
    assert "ser ablate one" not in out, "those that run are shown, if there are any"
    assert "finished" in shown(tmp_path, "one")[1]


def test_without_one_that_runs_the_latest_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "one", FINISHED)
    assert "one  finished" in shown(tmp_path)[1]
    capsys.readouterr()
    shown(tmp_path, plain=True)
    (plain,) = json.loads(capsys.readouterr().out)
    assert (plain["study"], plain["state"], plain["cost"], plain["nodes"]["n (1)"]["slots"]) == ("one", "finished", 2.5, 2)


def test_a_store_without_studies_and_an_unknown_name_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no study in .* start with"):
        shown(tmp_path)
    written(tmp_path, "one", FINISHED)
    with pytest.raises(RecordError, match=r"no study 'two'.*: one"):
        shown(tmp_path, "two")


@pytest.mark.parametrize("plain", [True, False])
def test_following_ends_with_the_study(
    tmp_path: Path, plain: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_commands, "REFRESH", 0.05)
    written(tmp_path, "one", RUNNING)
    ended = threading.Timer(0.5, lambda: written(tmp_path, "one", FINISHED, done=9))
    ended.start()
    code, out = shown(tmp_path, follow=True, plain=plain)
    ended.join()
    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    if plain:
        states = [json.loads(line)[0]["state"] for line in lines]
        assert states[0] == RUNNING and states[-1] == FINISHED and len(states) > 2
    else:
        assert lines[0] == "one  3/9  running: 1 on n (1), 1 failed, about 2 min left, cost 2.50"
        assert lines[1].startswith("one  9/9  finished") and "one  finished" in out


def test_following_a_study_that_did_not_finish_exits_with_1(tmp_path: Path) -> None:
    written(tmp_path, "one", "failed")
    assert shown(tmp_path, follow=True)[0] == 1


def test_studies_are_listed_with_their_state(tmp_path: Path) -> None:
    console = Console(width=200, record=True)
    list_studies(console, tmp_path)
    written(tmp_path, "one", FINISHED)
    list_studies(console, tmp_path)
    out = console.export_text()
    assert "no study in" in out and "finished" in out and "3/9" in out and "Does [it] help?" in out


def test_neither_command_imports_pytorch_or_ray() -> None:
    program = "import sys, cluster.cli.status_commands; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "ray", "mlflow", "optuna", "pandas", "numpy", "hydra"}.intersection(said.stdout.split())


def test_the_status_of_a_real_study(studied: Studied) -> None:
    ran = ser(studied.folder, "status", "fusion", "--json")
    (plain,) = json.loads(ran.out)
    assert (ran.code, ran.loaded) == (0, [])
    assert (plain["state"], plain["done"], plain["total"], plain["failed"]) == ("finished", 24, 24, 0)
    assert plain["trained"] == 12, "its second run"
    (node,) = plain["nodes"].values()
    assert node["folds"] == 12 and node["slots"] > 0 and 0 < node["used"] <= 1
    assert plain["seconds"] > node["seconds"] > 0, "the first run counts, too"
    assert (studied.folder / "bridgework" / "studies" / plain["study"] / "summary.json").exists()


def test_without_a_terminal_a_line_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines = Lines()
    lines(0, 0, "reading the corpus and its features")
    lines(0, 200, "starting Ray")
    for second in range(1, 151):
        now[0] = second
        lines(second, 200, "running")
    lines.end()
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "reading the corpus and its features",
        "0/200 starting Ray",
        "60/200 running",
        "120/200 running",
        "150/200 running",
    ]
    lines(200, 200, "running")
    lines(200, 200, "running")
    lines.end()
    assert capsys.readouterr().out.splitlines()[0] == "200/200 running"


def test_a_damaged_study_hides_no_others(tmp_path: Path) -> None:
    written(tmp_path, "one", FINISHED)
    (tmp_path / "studies" / "broken-1").mkdir()
    (tmp_path / "studies" / "broken-1" / "study.json").write_text("{")
    console = Console(width=300, record=True)
    list_studies(console, tmp_path)
    out = console.export_text()
    assert "one" in out and "damaged" in out and "delete it and run the study again" in out
    assert shown(tmp_path, "one")[0] == 0
    with pytest.raises(RecordError, match="is damaged"):
        show_status(console, "broken-1", tmp_path, False, False)
    with pytest.raises(RecordError, match="is damaged"):
        load_study(RunStore(tmp_path), "broken-1")
    with pytest.raises(RecordError, match="no study 'other'"):
        load_study(RunStore(tmp_path), "other")
