"""What a study finds: the power at the stated difference, simulated; its range; and how many folds and seeds reach another."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import corrected_t, holm
from ablations.statistics.planted import power_at_the_stated_difference
from ablations.statistics.power import Noise, exact_factor, factor, noise_of, spread_range


@pytest.mark.parametrize("variants", [1, 2, 4, 8])
@pytest.mark.parametrize("folds", [5, 10])
def test_the_stated_difference_is_found_80_times_in_100_after_holm(folds, variants):
    """The difference is what one study states; another study with that true difference finds it."""
    assert power_at_the_stated_difference(folds, variants, runs=6000) >= 0.79


@pytest.mark.parametrize(("freedom", "tests"), [(4, 1), (9, 4), (19, 8)])
def test_a_known_variance_gives_the_noncentral_t(freedom, tests):
    bound = stats.t.ppf(1 - LEVEL / tests / 2, freedom)
    power = stats.nct.sf(bound, freedom, exact_factor(freedom, LEVEL / tests))
    assert power == pytest.approx(0.8, abs=0.005)
    assert factor(freedom, freedom, LEVEL / tests) > exact_factor(freedom, LEVEL / tests)


def test_the_range_covers_the_true_standard_deviation():
    random = np.random.default_rng(0)
    spreads = random.standard_normal((4000, 5)).std(axis=1, ddof=1)
    low, high = spread_range(4)
    assert np.mean((spreads * low < 1) & (spreads * high > 1)) == pytest.approx(0.95, abs=0.015)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 20), st.integers(1, 4), st.integers(1, 8), st.integers(0, 10**6))
def test_more_tests_need_larger_differences_and_the_error_is_that_of_the_test(folds, seeds, tests, seed):
    gaps = np.random.default_rng(seed).standard_normal((seeds, folds))
    noise = noise_of(gaps, 1 / (folds - 1), tests)
    error = corrected_t(gaps.mean(axis=0), 1 / (folds - 1)).error
    found = noise.detectable()
    assert found.value == pytest.approx(error * factor(folds - 1, folds - 1, LEVEL / tests))
    assert found.low < found.value < found.high
    assert noise_of(gaps, 1 / (folds - 1), tests + 1).detectable().value > found.value


def test_as_many_seeds_and_folds_as_stated_find_what_is_wanted():
    noise = Noise(variance=1.6e-3, seed=1.5e-3, seeds=2, folds=10, test_to_train=1 / 9, tests=2)
    seeds, folds = noise.seeds_for(0.06), noise.folds_for(0.06)
    assert noise.detectable(seeds=int(seeds.value)).value <= 0.06 < noise.detectable(seeds=int(seeds.value) - 1).value
    assert noise.detectable(folds=int(folds.value)).value <= 0.06 < noise.detectable(folds=int(folds.value) - 1).value
    assert folds.low <= folds.value <= folds.high


def test_what_cannot_be_known_or_reached_has_no_number():
    assert math.isnan(Noise(1.0, math.nan, 1, 5, 0.25).detectable(seeds=2).value), "one seed knows nothing of two"
    assert math.isnan(noise_of(np.array([[0.1]]), 0.25).detectable().value)
    stubborn = Noise(8e-3, 1e-4, 2, 5, 0.25)
    assert math.isinf(stubborn.seeds_for(0.02).value) and math.isinf(stubborn.folds_for(1e-5).value)
    assert math.isnan(Noise(1.0, math.nan, 1, 5, 0.25).seeds_for(0.5).value)


def test_a_gap_of_zero_spread_or_missing_pairs():
    assert math.isnan(noise_of(np.zeros((2, 5)), 0.1).variance)
    holed = np.array([[0.1, 0.2, math.nan, 0.4], [0.2, math.nan, math.nan, 0.1]])
    found = noise_of(holed, 0.1)
    assert (found.folds, found.seeds) == (3, 2)
    assert found.variance == pytest.approx(np.var([0.15, 0.2, 0.25], ddof=1))


def test_holm_finds_at_least_what_the_hardest_step_finds():
    """The stated power holds for Holm, whatever the p of the other tests."""
    p = np.random.default_rng(1).uniform(size=(2000, 4)) ** 3
    adjusted = np.array([holm(row) for row in p])
    assert (adjusted[p < LEVEL / 4] < LEVEL).all()
