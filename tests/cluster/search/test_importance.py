"""Importance over searches whose truth is known: what mattered is found, with intervals, from development scores alone."""

import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from cluster.search.importance import (
    BIAS,
    Scored,
    distribution,
    importances,
    path_command,
    print_importance,
    scored_trials,
    varying,
)
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore, TestPart
from ser_core.errors import RecordError


def random_trials(count, seed=0):
    """Trials in which the rate decides most, the fusion a little, the batch nothing, tokens only within one fusion."""
    random, trials = np.random.default_rng(seed), []
    for _ in range(count):
        rate, fusion, batch = (
            10 ** random.uniform(-4, -2),
            str(random.choice(["concat", "bridge"])),
            int(random.choice([8, 16, 32])),
        )
        settings = {"optim.learning_rate": f"{rate:.3g}", "model.fusion": fusion, "optim.batch": str(batch)}
        if fusion == "bridge":
            settings["model.fusion.tokens"] = str(random.choice([4, 8]))
        score = 0.6 - 0.05 * (math.log10(rate) + 3) ** 2 + 0.01 * (fusion == "bridge") + 0.002 * random.standard_normal()
        trials.append(Scored(settings, float(score)))
    return trials


@pytest.fixture(scope="module")
def found():
    return importances(random_trials(60), redraws=8)


def test_what_mattered_most_leads_by_both_methods(found):
    for shares in found.values():
        assert max(shares, key=lambda key: shares[key].value if math.isfinite(shares[key].value) else -1) == "optim.learning_rate"
        known = [one for one in shares.values() if math.isfinite(one.value)]
        assert sum(one.value for one in known) == pytest.approx(1)
        assert all(one.low <= one.high for one in known)
    assert found["fANOVA"]["optim.learning_rate"].low > found["fANOVA"]["optim.batch"].high


def test_a_setting_that_some_trials_lack_is_left_out_by_fanova_alone(found):
    assert math.isnan(found["fANOVA"]["model.fusion.tokens"].value)
    assert math.isfinite(found["PED-ANOVA"]["model.fusion.tokens"].value)


def test_the_same_trials_give_the_same_shares():
    trials = random_trials(15)
    assert str(importances(trials, redraws=2)) == str(importances(trials, redraws=2))


def test_equal_scores_have_no_shares():
    trials = [Scored(trial.settings, 0.5) for trial in random_trials(12)]
    found = importances(trials, redraws=2)
    assert all(math.isnan(one.value) for shares in found.values() for one in shares.values())


def test_what_varies_and_over_what_range():
    trials = [Scored({"a": "1", "b": "x", "c": "5"}, 0.1), Scored({"a": "2", "b": "x"}, 0.2)]
    assert varying(trials) == ["a", "c"]
    wide, narrow = distribution(["0.001", "1"]), distribution(["0", "0.5"])
    assert (wide.low, wide.high, wide.log) == (0.001, 1, True)
    assert not narrow.log
    assert distribution(["true", "false"]).choices == ("false", "true")


def test_the_path_leads_through_options_before_their_knobs_and_skips_what_is_default():
    best = {"model.fusion.tokens": "4", "optim.batch": "32", "model.fusion": "bridge", "optim.refit": "false"}
    steps = ("model.fusion=bridge", "optim.refit=false", "model.fusion.tokens=4")
    expected = " ".join(["ser ablate model.width=16", *(f"--factor {step}" for step in steps), "--design path"])
    assert path_command(best, ["model.width=16"]) == expected
    assert path_command({"optim.batch": "32", "model.fusion": "concat", "optim.learning_rate": "0.0015"}, []) == ""


def searched(folder, count, kind="search"):
    """A search over made-up records; opening a test part raises."""
    store, trials = RunStore(folder), []
    for place, trial in enumerate(random_trials(count)):
        key = FoldKey(f"f{place}", "split", 1)
        overrides = ("model.width=16", *(f"{key}={value}" for key, value in trial.settings.items()), "seed=0")
        trials.append(Trial(str(place), 0, overrides, (key,)))
        test = TestPart(key, {"uar": 0.1}, {}, pd.DataFrame({"utterance": ["a"]}))
        store.write(FoldRecord(key, 0, "s", {}, {}, {}, {"uar": trial.score}, [], 1, 0.0, {}, {}), test.predictions, test)
    record = StudyRecord("search-x-1", kind, "search-x", "q?", "uar", ["model.width=16"], trials, "ser search x")
    record.save(store)
    return record, store


def test_a_search_is_read_from_its_records_and_printed_with_its_warning(tmp_path, monkeypatch, capsys):
    def sealed(store, key):
        raise AssertionError(f"{key} was opened")

    for opening in ("open_test", "open_tests"):
        monkeypatch.setattr(RunStore, opening, sealed)
    monkeypatch.setattr("cluster.search.importance.importances", lambda trials: importances(trials, redraws=2))
    record, store = searched(tmp_path, 12)
    trials = scored_trials(record, store)
    assert [trial.settings for trial in trials] == [trial.settings for trial in random_trials(12)]
    print_importance(Console(width=200), "search-x", tmp_path)
    out = " ".join(capsys.readouterr().out.split())
    assert all(word in out for word in ("optim.learning_rate", "left out", BIAS[:60], "--design path"))


def test_too_few_trials_and_ablations_are_refused(tmp_path):
    searched(tmp_path / "few", 4)
    with pytest.raises(RecordError, match="has 4 complete trials, but importance needs at least 10"):
        print_importance(Console(), "search-x", tmp_path / "few")
    searched(tmp_path / "other", 2, kind="ablation")
    with pytest.raises(RecordError, match="is not a search"):
        print_importance(Console(), "search-x", tmp_path / "other")
