"""Workers that do not see the driver's folder: their records come home through Ray, equal to the last bit."""

import contextlib
import json
import os
import pickle
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from cluster.run_study import make_trial
from cluster.transfer import worker_store
from cluster.trial import payload, plan_once, train_trial
from cluster.tune.home import Home
from cluster.tune.tune_adapter import HandedTrials, TrialQueue, tune_scheduler
from ser_core.config.compose import compose
from ser_core.cross_validation.cross_validate import cross_validate_many
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import PROGRAM, SMALL, ended, records, shown, started

APART = PROGRAM.replace(
    "from cluster.cli.main",
    """from cluster.tune.home import Home
described = Home.described
Home.described = lambda *given: {**described(*given), "mark": "/nowhere/mark"}
from cluster.cli.main""",
)
"""`ser` whose workers cannot find the mark of the driver."""


def scratch() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"ser-scratch-{os.getuid()}-*"))


def assert_same_folds(one: Path, other: Path, trained_in: Path | None = None) -> None:
    """Both folders have the same records but for times and places. `trained_in` is the store of one, if it came from there."""
    assert records(one).keys() == records(other).keys()
    for place in records(one):
        for name in ("predictions-dev.parquet", "predictions-test.parquet"):
            pd.testing.assert_frame_equal(*(pd.read_parquet(each / place / name) for each in (one, other)), check_exact=True)
        assert (one / place / "test.json").read_bytes() == (other / place / "test.json").read_bytes()
        first, second = (json.loads((each / place / "record.json").read_text()) for each in (one, other))
        for fields, store in ((first, trained_in or one / "bridgework"), (second, other / "bridgework")):
            assert fields["config"]["run"].pop("store") == str(store)
            for name in ("seconds", "spent"):
                fields.pop(name)
        assert first == second


def test_records_of_workers_without_the_folder_are_those_of_one_machine(tmp_path, studied):
    before = scratch()
    with started(tmp_path, "ablate", "fusion", *SMALL, "--seeds", "2", program=APART) as driver:
        ran = ended(driver)
    assert ran.code == 0, ran.err
    assert_same_folds(tmp_path, studied.folder)
    assert scratch() <= before, "a scratch folder is left"
    assert {run.status for run in shown(tmp_path)} == {"FINISHED"}
    assert not list((tmp_path / "bridgework" / "folds").glob("*/*/.fold-*[!k]"))


class NodeLost(BaseException):
    """Ends a worker in the middle of a report, as the end of its node would."""


def train_on(node: Path, home: Home, handed: HandedTrials, most: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """A node with this temporary folder trains what is left and is lost after `most` checkpoints. Returns how many it sent."""
    received = []
    scheduler = tune_scheduler(TrialQueue([], home.store), {"id": handed}, home)

    def report(result):
        received.append(result.get("saved", False) and any(result["parcel"].states.values()))
        scheduler.on_trial_result(None, SimpleNamespace(trial_id="id"), pickle.loads(pickle.dumps(result)))
        if sum(received) == most:
            raise NodeLost

    node.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(node))
    monkeypatch.setattr(worker_store, "node_id", lambda: node.name)
    monkeypatch.setattr("ray.tune.report", report)
    sent = {**home.described(handed.left), "mark": "/nowhere/mark"}
    with contextlib.suppress(NodeLost):
        train_trial(pickle.loads(pickle.dumps(payload(handed.left, Path("/nowhere"), home=sent))))
    return sum(received)


@pytest.mark.parametrize("pack", [1, 0, 2])
def test_a_fold_goes_on_from_the_checkpoint_that_came_home(pack, tmp_path, monkeypatch):
    """Three nodes, the first two lost after a few checkpoints: no epoch is trained twice, and the records are the same."""
    monkeypatch.chdir(tmp_path)
    words = [*SMALL[:3], "optim.epochs=4", "run.checkpoint_seconds=0", f"optim.pack={pack}", "run.store=here"]
    trial = make_trial("it", words, 0)
    handed, home = HandedTrials([(trial, [1, 2])], 9), Home(RunStore("here"), tmp_path)
    saved = [train_on(tmp_path / f"node{most}", home, handed, most, monkeypatch) for most in (3, 2, 1000)]
    assert saved[0] == 3 and saved[1] > 0
    assert handed.reported == {(0, 1), (0, 2)} and not handed.unfinished
    saves = []
    whole = RunStore(tmp_path / "whole", lambda key: saves.append(whole.state_place(key).exists()))
    list(cross_validate_many([(plan_once(compose(words)), [1, 2])], whole))
    assert sum(saved) == sum(saves), "an epoch was trained twice"
    for key in trial.keys[:2]:
        assert home.store.load(key).epochs == whole.load(key).epochs
        assert home.store.load(key).config == whole.load(key).config
        one, other = home.store.open_test(key), whole.open_test(key)
        assert one.metrics == other.metrics
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    assert not list(home.store.folder.glob("folds/*/*/.fold-*[!k]"))
