"""Simulated searches: what they must give where the answer is known, equal budgets, and the tables of `ser simulate`."""

import numpy as np
import pytest
from rich.console import Console

from cluster.cli.simulate_command import simulate_records, simulate_synthetic, suitable
from cluster.search.budget import Budget
from cluster.search.pruners import PRUNERS
from cluster.search.samplers import SAMPLERS
from cluster.search.simulation import Hill, Records, Variances, compare_pruners, simulate_search, variance_split
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from tests.cluster.recorded import Search, study

RANDOM = SAMPLERS["random"]
STILL = Variances(configuration=2, fold=2, residual=0, seed=0)


class Counted(Hill):
    """A hill that counts the folds that were looked at."""

    looked = 0

    def tell(self, mean, folds, pruned):
        self.looked += folds
        super().tell(mean, folds, pruned)


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize("folds", [5, 10])
def test_every_pruner_gets_the_same_budget_of_folds(name, folds):
    world = Counted(3, folds, Variances(), RANDOM, 20)
    outcome = simulate_search(world, PRUNERS[name], 20 * folds)
    assert world.looked == 20 * folds
    assert outcome.finished <= outcome.begun and outcome.regret >= 0
    assert (outcome.begun == outcome.finished == 20) if name == "none" else (outcome.begun > 20)


@pytest.mark.parametrize("name", PRUNERS)
def test_without_noise_the_best_point_seen_is_chosen(name):
    world, twin = (Hill(5, 10, STILL, RANDOM, 20) for _ in range(2))
    outcome = simulate_search(world, PRUNERS[name], 200)
    effects = [twin.ask()[0] for _ in range(outcome.begun)]
    possible = {max(effects), max(effects[:-1])}  # the last may have been cut off by the end of the budget
    assert -outcome.regret in possible


def test_scores_have_the_variances_asked_for():
    worlds = [Hill(seed, 8, Variances(3, 2, 1, 0.5), RANDOM, 20) for seed in range(100)]
    splits = [variance_split(np.array([world.ask()[1] for _ in range(80)])) for world in worlds]
    measured = {name: np.sqrt(np.mean([getattr(split, name) ** 2 for split in splits])) for name in vars(splits[0])}
    assert measured["fold"] == pytest.approx(2, rel=0.1)
    assert measured["residual"] == pytest.approx(1, rel=0.02)
    assert measured["configuration"] == pytest.approx(np.hypot(3, 0.5), rel=0.05)


def test_equal_worlds_are_met_by_every_pruner():
    rules = [PRUNERS["none"], PRUNERS["none"], PRUNERS["asha"]]
    one, other, halved = compare_pruners(
        [[Hill(seed, 5, Variances(), RANDOM, 20) for _ in rules] for seed in range(5)], rules, 5, 100
    )
    assert (one.regret, one.begun) == (other.regret, other.begun) and other.difference == 0
    assert halved.begun > one.begun


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_any_sampler_can_be_simulated(sampler):
    outcome = simulate_search(Hill(2, 5, Variances(), SAMPLERS[sampler], 6), PRUNERS["asha"], 30)
    assert 6 <= outcome.begun < 31


def test_records_are_replayed_whole_and_in_points(tmp_path):
    source = Search(tmp_path, folds=5, budget=Budget(14)).driven()
    study(source).save(RunStore(tmp_path))
    console = Console(record=True, width=120)
    simulate_records(console, "made", tmp_path, "uar", ["asha"], "random", 20, 10)
    said = console.export_text()
    assert "14 trials of made in random order, 10 searches of 7 trials' folds" in said
    table = 100 * np.array([[fold[0] for fold in source.scores.first_folds(trial)] for trial in source.trials.values()])
    regrets = [simulate_search(Records(seed, table), PRUNERS["none"], 35).regret for seed in range(10)]
    expected = [table.mean(1).max() - np.random.default_rng(seed).permutation(table)[:7].mean(1).max() for seed in range(10)]
    assert regrets == pytest.approx(expected)
    assert f"{np.mean(regrets):.2f} (" in said
    with pytest.raises(SettingError, match="use --sampler random"):
        simulate_records(console, "made", tmp_path, "uar", [], "tpe", 20, 10)


def test_the_table_names_every_rule_that_suits():
    console = Console(record=True, width=120)
    simulate_synthetic(console, [5, 10], Variances(), [], "random", 4, 2)
    rows = [line.split("│")[1:3] for line in console.export_text().splitlines() if line.startswith("│")]
    assert [tuple(map(str.strip, row)) for row in rows] == [
        *[("5", name) for name in PRUNERS if name != "wilcoxon"],
        *[("10", name) for name in PRUNERS],
    ]
    assert [rule.name for rule in suitable(["asha"], 5)] == ["none", "asha"]
    with pytest.raises(SettingError, match="needs at least 10 folds"):
        suitable(["wilcoxon"], 5)


@pytest.mark.parametrize(
    ("trials", "repetitions", "complaint"), [(0, 2, "--trials must be at least 1"), (4, 1, "--repetitions at least 2")]
)
def test_nonsense_is_refused(trials, repetitions, complaint):
    with pytest.raises(SettingError, match=complaint):
        simulate_synthetic(Console(), [5], Variances(), [], "random", trials, repetitions)
    with pytest.raises(SettingError, match="--fold-sd must be at least 0"):
        Variances(fold=-1)
