"""Error rates and power, simulated: fast versions of the table of `python -m ablations.statistics.error_rates`."""

import numpy as np
import pytest

from ablations.statistics import METHODS
from ablations.statistics.error_rates import DECISIONS, SAME_FOLD, SPREAD, Setting, answers, differences, rejections, table

RUNS = 3000
SIZES = [(5, 1), (5, 3), (10, 1), (10, 3)]


@pytest.mark.parametrize(("folds", "seeds"), SIZES)
def test_what_verdicts_rest_on_errs_in_3_to_7_per_cent(folds, seeds):
    for name in ("corrected t (verdicts)", "Bayesian t, no region"):
        assert 0.03 <= rejections(DECISIONS[name], Setting(folds, seeds, 1 / folds, 0), RUNS) <= 0.07


@pytest.mark.parametrize(("folds", "seeds"), [(3, 1), *SIZES])
def test_the_bootstrap_over_speakers_errs_in_3_to_7_per_cent_for_the_models_as_they_are(folds, seeds):
    assert 0.03 <= rejections(DECISIONS["bootstrap over speakers"], Setting(folds, seeds, 0, 0), RUNS) <= 0.07


def test_tests_that_are_marked_are_marked_for_a_reason():
    marked = {"signed_rank": "Wilcoxon over folds", "mcnemar": "McNemar on utterances"}
    assert {name for name, method in METHODS.items() if not method.keeps_its_level} == set(marked)
    for name in marked.values():
        assert rejections(DECISIONS[name], Setting(10, 1, 0.1, 0), 1000) > 0.1
    assert rejections(DECISIONS["Wilcoxon over folds"], Setting(5, 1, 0.2, 1), 50) == 0


def test_power_grows_with_folds_and_with_the_effect():
    decision = DECISIONS["corrected t (verdicts)"]
    power = [rejections(decision, Setting(folds, 1, 1 / folds, effect), 1000) for folds, effect in ((5, 1), (10, 1), (10, 2))]
    assert power == sorted(power)
    assert 0.15 < power[0] < 0.35 and 0.4 < power[1] < 0.65 and power[2] > 0.9


@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_differences_have_the_spread_and_the_correlation_asked_for(overlap):
    random, setting = np.random.default_rng(0), Setting(5, 2, overlap, 0.5)
    drawn = np.array([differences(setting, random) for _ in range(20000)])
    means = drawn.mean(axis=1)
    assert means.mean() == pytest.approx(0.5 * SPREAD, rel=0.05)
    assert means.std() == pytest.approx(SPREAD, rel=0.03)
    of_data = SAME_FOLD / (SAME_FOLD + (1 - SAME_FOLD) / 2)
    assert np.corrcoef(means.T)[0, 1:].mean() == pytest.approx(overlap * of_data, abs=0.02)


def test_answers_differ_by_the_gaps():
    random, gaps = np.random.default_rng(0), np.array([[0.05, -0.05]])
    drawn = [answers(gaps, random)[0] for _ in range(500)]
    apart = np.mean([theirs.astype(float) - ours for ours, theirs in drawn], axis=0).reshape(2, -1).mean(axis=1)
    assert apart == pytest.approx(gaps[0], abs=0.01)


def test_the_table_has_a_row_for_every_decision():
    lines = list(table(runs=2))
    assert len(lines) == 2 + len(DECISIONS)
    assert len({line.count("|") for line in lines}) == 1
