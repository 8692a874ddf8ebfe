"""`ser search` with the real Optuna, Ray and MLflow: test parts stay sealed, and what is known costs nothing."""

import json
import shutil

import pytest

from cluster.search.budget import Budget
from cluster.search.objectives import Goal
from cluster.search.optuna_trials import OptunaTrials, Past
from cluster.search.pruners import PRUNERS
from cluster.search.samplers import SAMPLERS
from cluster.search.scores import Scores
from cluster.study_record import studies
from cluster.trial import Trial
from search_spaces.bridge_tokens import SPACE as TOKENS
from search_spaces.weights import SPACE as WEIGHTS
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.tasks import TASKS
from tests.cluster.conftest import SMALL, records, ser, shown

NOT_VARIED = (
    "note: space weights does not vary tasks.style.weight, tasks.self_contrast.weight here: "
    "corpus, channels and encoders lack what they need"
)


@pytest.fixture(scope="module")
def searched(studied, tmp_path_factory):
    """A search of three weightings in a folder of its own that borrows the study's features."""
    folder = tmp_path_factory.mktemp("searched")
    shutil.copytree(studied.folder / "bridgework" / "cache", folder / "bridgework" / "cache")
    return folder, ser(folder, "search", "weights", *SMALL, "--trials", "3", "--pruning", "none")


def poison(folder):
    """Overwrites every test part with what nobody can read."""
    for place in (folder / "bridgework" / "folds").glob("*/*/fold-*"):
        (place / "test.json").write_text("not json")
        (place / "predictions-test.parquet").write_bytes(b"not parquet")


def source(folder, count):
    """The finished search's suggestions, and what Optuna asks for next, from the records in this folder."""
    store = RunStore(folder / "bridgework")
    (record,) = studies(store)
    known = {trial.variant: trial for trial in record.trials}

    def make(overrides):
        name = " ".join(overrides)
        return known.get(name) or Trial(name, 0, tuple(overrides), (FoldKey(name, "none", 1),))

    offered = WEIGHTS.among("tasks", [name for name in TASKS if name != "style"])  # which the demo corpus lacks
    past = Past(record.asked, record.ended, record.trained)
    return OptunaTrials(offered, make, Scores(store, Goal()), SAMPLERS["tpe"], PRUNERS["none"], Budget(count), 0, past)


def test_a_search_prints_development_scores_and_shows_no_test_score(searched):
    folder, ran = searched
    assert ran.code == 0
    assert ran.err == NOT_VARIED
    assert "development score" in ran.out
    assert "3 configurations, 12 folds trained" in ran.out
    assert ran.out.splitlines()[-1].startswith("choose among the best with: ser select search-weights-")
    assert "ser run" not in ran.out, "which would show test scores of the best of many"
    assert all(f"tasks.{name}.weight=" in ran.out for name in ("emotion", "dimensions", "gender"))
    runs = shown(folder)
    assert {run.status for run in runs} == {"FINISHED"}
    assert sorted(run.kind for run in runs) == ["fold"] * 12 + ["search"] + ["trial"] * 3
    names = {name for run in runs for name in run.metrics}
    assert "dev.uar" in names
    assert not [name for name in names if "test" in name]


def test_a_finished_search_trains_nothing_and_reads_no_test_part(searched):
    folder, ran = searched
    before = records(folder)
    next_clean = source(folder, 4).next()
    poison(folder)
    again = ser(folder, "search", "weights", *SMALL, "--trials", "3", "--pruning", "none")
    assert again.code == 0
    assert again.loaded == ["optuna"]
    assert records(folder) == before
    assert "3 configurations, 0 folds trained" in again.out
    assert [line for line in again.out.splitlines() if "│" in line] == [line for line in ran.out.splitlines() if "│" in line]
    assert source(folder, 4).next() == next_clean


def test_a_search_has_no_table_of_test_scores(searched):
    refused = ser(searched[0], "report", "search-weights")
    assert refused.code == 2
    assert "test parts stay sealed" in refused.err


def test_fewer_trials_forget_nothing(searched):
    folder, _ = searched
    ran = ser(folder, "search", "weights", *SMALL, "--trials", "2", "--pruning", "none")
    assert "2 configurations, 0 folds trained" in ran.out
    (record,) = studies(RunStore(folder / "bridgework"))
    assert len(record.trials) == len(record.asked) == 3


def test_a_dry_run_tells_what_is_left_and_trains_nothing(searched):
    folder, _ = searched
    before = records(folder)
    told = ser(folder, "search", "weights", *SMALL, "--trials", "5", "--pruning", "none", "--dry-run")
    assert told.code == 0 and told.loaded == ["optuna"]
    assert "at most 8 more folds" in told.out and "recorded): " in told.out
    assert "3 suggestions of earlier runs" in told.out
    other = ser(folder, "search", "weights", *SMALL, "--trials", "5", "--objective", "mean(ccc)", "--dry-run")
    assert "mean(ccc), over 4 folds" in other.out and "asha" in other.out and "at most 20 more folds" in other.out
    assert records(folder) == before


def test_a_search_that_prunes_shows_it_and_trains_nothing_again(searched, tmp_path):
    """Eight random weightings in a store that has the features: with ASHA some end at a rung, with the reason in MLflow."""
    shutil.copytree(searched[0] / "bridgework" / "cache", tmp_path / "bridgework" / "cache")
    words = ("search", "weights", *SMALL, "--trials", "8", "--sampler", "random", "--pruning", "asha", "cluster.workers=1")
    ran = ser(tmp_path, *words)
    assert (ran.code, ran.err) == (0, NOT_VARIED)
    (record,) = studies(RunStore(tmp_path / "bridgework"))
    trained = sum(map(len, record.trained.values()))
    assert record.ended and trained == len(records(tmp_path)) < 32
    assert f"{32 - trained} folds by pruning {len(record.ended)} trials" in ran.out
    for trial in record.trials:
        there = [key in RunStore(tmp_path / "bridgework") for key in trial.keys]
        ended = record.ended.get(trial.keys[0].fingerprint)
        assert there == [True] * 4 if ended is None else there == [fold < ended.folds for fold in range(4)]
    runs = [run for run in shown(tmp_path) if run.kind == "trial"]
    assert sorted(run.status for run in runs) == ["FINISHED"] * (8 - len(record.ended)) + ["KILLED"] * len(record.ended)
    reasons = [run.tags["ser.pruned"] for run in runs if run.status == "KILLED"]
    assert all(reason.startswith("after ") and "went on" in reason for reason in reasons)
    again = ser(tmp_path, *words)
    assert "8 configurations, 0 folds trained" in again.out
    assert again.loaded == ["optuna"]
    assert studies(RunStore(tmp_path / "bridgework"))[0].ended == record.ended


@pytest.mark.slow
def test_a_search_of_bridge_tokens(studied, tmp_path):
    shutil.copytree(studied.folder / "bridgework" / "cache", tmp_path / "bridgework" / "cache")
    ran = ser(tmp_path, "search", "bridge_tokens", *SMALL, "--trials", "2", "--pruning", "none")
    assert ran.code == 0
    assert "2 configurations, 8 folds trained" in ran.out
    assert "model.fusion=bridge" in ran.out
    assert not [name for run in shown(tmp_path) for name in run.metrics if "test" in name]


class Lettered(Scores):
    """Every fold is recorded; the score is the number of letters of the overrides."""

    def first_folds(self, trial):
        return [(len(trial.variant) / 100,)]


class Full(RunStore):
    """Holds every fold."""

    def __contains__(self, key):
        return True


def scored(tmp_path, history=(), count=30, sampler="random", space=TOKENS):
    """A search whose folds are all recorded."""
    asked = []

    def make(overrides):
        asked.append(tuple(overrides))
        return Trial(" ".join(overrides), 0, tuple(overrides), (FoldKey(" ".join(overrides), "split", 1),))

    scores, past = Lettered(Full(tmp_path), Goal()), Past(history)
    return OptunaTrials(space, make, scores, SAMPLERS[sampler], PRUNERS["none"], Budget(count), 0, past), asked


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_repeated_suggestions_cost_nothing_and_end_an_exhausted_search(tmp_path, sampler):
    search, asked = scored(tmp_path, sampler=sampler)
    assert search.next() is None
    assert "nothing new" in search.ending
    assert len(search.trials) == len(set(asked)) <= 18
    assert search.repeats == len(asked) - len(set(asked)) >= 20


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_goes_on_where_it_stopped(tmp_path, sampler):
    first, _ = scored(tmp_path, count=25, sampler=sampler, space=WEIGHTS)
    assert first.next() is None
    history = json.loads(json.dumps(first.asked))
    more, asked = scored(tmp_path, history, count=30, sampler=sampler, space=WEIGHTS)
    assert more.next() is None
    assert not more.ending
    assert list(first.trials) == list(more.trials)[:25]
    assert len(more.trials) == len(more.asked) == 30
    assert len(asked) < 45
