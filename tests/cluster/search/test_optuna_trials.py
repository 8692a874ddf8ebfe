"""A search fold by fold: budgets, constraints, starts, pruning, and the same decisions after a kill."""

import dataclasses
import math

import pytest

from cluster.search.budget import Budget
from cluster.search.cost import projected, spending
from cluster.search.initial_points import best_of, by_hand
from cluster.search.objectives import Goal
from cluster.search.optuna_trials import trial_name
from cluster.search.pruners import PRUNERS
from cluster.search.samplers import SAMPLERS
from cluster.search.scores import rank_trials
from search_spaces.spaces import SPACES
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from tests.cluster import recorded
from tests.cluster.recorded import Search, decided, development, folds_of, study

PRUNING = [name for name in PRUNERS if name != "none"]


@pytest.mark.parametrize("pruning", PRUNING)
def test_a_pruned_trial_trains_less_and_is_told_pruned_with_its_mean_so_far(pruning, tmp_path):
    source = Search(tmp_path, pruning=pruning, budget=Budget(25)).driven()
    pruned = [trial for trial in source.study.trials if trial.state.name == "PRUNED"]
    assert pruned and len(pruned) == len(source.ended) < 25
    for told, (name, trial) in zip(source.study.trials, source.trials.items(), strict=True):
        values = [sum(folds) for folds in source.scores.first_folds(trial)]
        if name in source.ended:
            done = source.ended[name].folds
            assert 0 < done == folds_of(source, trial) == len(values) < 10
            assert told.intermediate_values == {done: pytest.approx(sum(values) / done)}
            assert source.ended[name].pruned and source.ended[name].reason
        else:
            assert told.state.name == "COMPLETE" and told.value == pytest.approx(sum(values) / 10)
    best = max(source.trials.values(), key=lambda trial: development(trial.keys[0]).dev["uar"])
    assert trial_name(best) not in source.ended


@pytest.mark.parametrize("pruning", ["none", *PRUNING])
@pytest.mark.parametrize("cut", [1, 7, 23, 40])
def test_a_killed_search_decides_as_if_it_had_not_been(pruning, cut, tmp_path):
    """With a sampler whose points are settled; one that learns goes on from another seed."""
    whole = Search(tmp_path / "whole", sampler="qmc", pruning=pruning).driven()
    search = Search(tmp_path / "cut", sampler="qmc", pruning=pruning)
    search.driven(cut=cut)
    resumed = search.driven()
    assert decided(resumed) == decided(whole)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_run_again_trains_nothing_and_tells_the_same(sampler, tmp_path):
    search = Search(tmp_path, folds=3, sampler=sampler, pruning="asha", budget=Budget(8))
    first = search.driven()
    again = search.driven(cut=0)
    assert again.next() is None
    *before, told = decided(first)
    *after, retold = decided(again)
    assert after == before
    assert all(each in told for each in retold) and len(retold) == 8  # suggestions made twice are told once now


def test_an_ablation_is_never_ended(tmp_path):
    from cluster.tune.tune_adapter import TrialQueue

    assert not TrialQueue([], RunStore(tmp_path)).reported(next(iter(Search(tmp_path).driven().trials.values())), 1, True, True)


def test_a_budget_of_folds_ends_within_a_trial_and_a_larger_one_goes_on(tmp_path):
    search = Search(tmp_path, sampler="qmc", budget=Budget(0, folds=25))
    short = search.driven()
    assert sum(map(len, short.trained.values())) == 25
    assert short.ending == "the budget of 25 folds is spent"
    (cut,) = short.ended.values()
    assert (cut.folds, cut.pruned) == (5, False)
    search.budget = Budget(0, folds=40)
    longer = search.driven()
    assert [len(folds) for folds in longer.trained.values()] == [10, 10, 10, 10]
    assert not longer.ended


def test_failures_and_hours_end_a_search(tmp_path):
    source = Search(tmp_path / "a", budget=Budget(12, failures=3)).driven(fails=(4,))
    assert len(source.trials) == 3 and "3 folds failed" in source.ending
    assert [trial.state.name for trial in source.study.trials] == ["FAIL"] * 3
    timed = Search(tmp_path / "b", budget=Budget(12, hours=1e-9)).driven()
    assert not timed.trials and "hours is spent" in timed.ending


def test_gpu_hours_are_counted_from_the_records_over_all_runs(tmp_path, monkeypatch):
    """Each fold says that it took half a GPU-hour: the sixth fold of the second trial is the last of 8 GPU-hours."""
    measured = recorded.development
    monkeypatch.setattr(recorded, "development", lambda key: dataclasses.replace(measured(key), spent={"gpu_seconds": 1800.0}))
    search = Search(tmp_path, budget=Budget(0, gpu_hours=8))
    first = search.driven()
    assert sum(map(len, first.trained.values())) == 16 and "8 GPU-hours is spent" in first.ending
    again = search.driven()
    assert again.trained == first.trained and "8 GPU-hours is spent" in again.ending
    search.budget = Budget(0, gpu_hours=9)
    assert sum(map(len, search.driven().trained.values())) == 18


@pytest.mark.parametrize("wrong", [{"trials": -1}, {"trials": 5, "hours": math.inf}, {}])
def test_a_budget_without_end_or_sense_is_refused(wrong):
    with pytest.raises(SettingError, match="--"):
        Budget(**wrong)


def test_what_breaks_a_constraint_is_never_the_best(tmp_path):
    goal = Goal.read(["uar"], ["parameters<300"])
    source = Search(tmp_path, folds=2, goal=goal, budget=Budget(20)).driven()
    best, outside = rank_trials(source.scores, list(source.trials.values()))
    assert 0 < outside < 20 and len(best) == 20 - outside
    for _, trial in best:
        assert development(trial.keys[0]).sizes["parameters"] <= 300
    assert source.study.best_trial.params["y"] <= 0.3005
    assert best[0][0][0] == pytest.approx(source.study.best_value)
    assert max(value for trial in source.study.trials if (value := trial.value)) > best[0][0][0]


def test_several_objectives_give_a_front(tmp_path):
    goal = Goal.read(["uar", "ece"], [])
    source = Search(tmp_path, folds=2, goal=goal, sampler="nsga2", budget=Budget(30)).driven()
    best, _ = rank_trials(source.scores, list(source.trials.values()))
    points = sorted(tuple(values) for values, _ in best)
    assert 1 < len(points) < 30
    assert [point[1] for point in points] == sorted((point[1] for point in points), reverse=True)
    theirs = sorted({tuple(trial.values) for trial in source.study.best_trials})
    assert theirs == [pytest.approx(point) for point in points]


def test_under_several_objectives_only_the_dominated_end(tmp_path):
    goal = Goal.read(["uar", "ece"], [])
    source = Search(tmp_path, goal=goal, pruning="futility", budget=Budget(30)).driven()
    assert source.ended
    whole = [means for trial in source.trials.values() if (means := source.scores.means(trial))]
    for name in source.ended:
        truth = development(source.trials[name].keys[0]).dev
        assert any(means[0] > truth["uar"] - 0.06 and means[1] > -truth["ece"] for means in whole)
    assert {trial.state.name for trial in source.study.trials} == {"COMPLETE", "PRUNED"}


def test_an_objective_that_no_fold_has_fails_its_trials(tmp_path):
    source = Search(tmp_path, folds=2, goal=Goal.read(["mean(ccc)"], []), budget=Budget(3)).driven()
    assert [trial.state.name for trial in source.study.trials] == ["FAIL"] * 3
    assert rank_trials(source.scores, list(source.trials.values())) == ([], 0)


def test_starts_come_first_and_once(tmp_path):
    starts = ({"x": 0.5, "y": 0.25}, {"x": 0.75})
    search = Search(tmp_path, folds=2, starts=starts, budget=Budget(4))
    first = search.driven()
    names = list(first.trials)
    assert names[0] == "x=0.5 y=0.25" and names[1].startswith("x=0.75 y=")
    assert list(search.driven().trials) == names


def test_points_by_hand_lead_to_themselves():
    answers = by_hand(SPACES["fusion"], "model.fusion=bridge model/fusion.tokens=8")
    assert answers == {"model.fusion": "bridge", "model.fusion.bridge.tokens": 8}
    with pytest.raises(SettingError, match=r"the space fusion does not vary optim\.epochs"):
        by_hand(SPACES["fusion"], "model.fusion=bridge optim.epochs=3")
    with pytest.raises(SettingError, match="which has 1, 4, 8"):
        by_hand(SPACES["fusion"], "model.fusion=bridge model.fusion.tokens=9")


def test_a_search_starts_from_the_best_of_another(tmp_path):
    space = SPACES["bridge_tokens"]
    source = Search(tmp_path, folds=2, budget=Budget(6), space=space).driven()
    study(source).save(RunStore(tmp_path))
    best = max(source.trials.values(), key=lambda trial: source.scores.means(trial) or ())
    start = best_of(space, "made", source.scores)
    other = Search(tmp_path, folds=2, budget=Budget(1), space=space, sampler="grid", starts=(start,)).driven()
    assert list(other.trials) == [best.variant]
    with pytest.raises(SettingError, match="sets nothing that varies in the space weights"):
        best_of(SPACES["weights"], "made", source.scores)


def test_spending_is_the_sum_of_the_records(tmp_path):
    search = Search(tmp_path, pruning="asha", budget=Budget(12))
    source = search.driven()
    spent = spending(study(source), RunStore(tmp_path), source.repeats)
    trained = sum(map(len, source.trained.values()))
    assert (spent.trained, spent.found, spent.seconds) == (trained, 0, trained)
    assert spent.spared == 120 - trained > 0 and spent.pruned == len(source.ended)
    assert spent.memory_gb == 11.0
    other = Search(tmp_path, pruning="none", budget=Budget(12)).driven()
    found = spending(study(other), RunStore(tmp_path), 0)
    assert (found.found, found.trained) == (trained, 120 - trained)
    keys = list(next(iter(source.trials.values())).keys)
    said = projected(study(source), RunStore(tmp_path), Budget(20), keys, workers=2)
    assert f"a fold takes 1.0 s (median of 120 recorded): at most {200 - trained} more folds" in said
    assert "no fold of this split" in projected(study(source), RunStore(tmp_path / "none"), Budget(20), keys, 2)
