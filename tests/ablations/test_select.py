"""The choice among finalists: the one-standard-error rule on paired, corrected differences, toward the simpler model."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.pairing import ComparisonError
from ablations.select import Finalist, select, standard_error


def finalist(name, values, parameters=100, tasks=2):
    return Finalist(name, np.atleast_2d(np.asarray(values, float)), parameters, tasks)


def test_the_simplest_within_one_standard_error_of_the_best_is_chosen():
    best = finalist("best", [0.80, 0.70, 0.90, 0.60], 300)
    near = finalist("near", [0.79, 0.72, 0.86, 0.61], 200)
    small = finalist("small", [0.70, 0.60, 0.80, 0.50], 10)
    found = select([small, near, best], 0.25)
    assert (found.best, found.chosen) == ("best", "near")
    assert [standing.finalist.name for standing in found.standings] == ["best", "near", "small"]
    gaps = np.array([0.01, -0.02, 0.04, -0.01])
    error = math.sqrt((1 / 4 + 0.25) * gaps.var(ddof=1))
    assert found.standings[1].error == pytest.approx(error)
    assert found.standings[1].behind.mean.value == pytest.approx(0.005) and found.standings[1].within
    assert not found.standings[2].within  # ten points behind in every fold: no spread, and no excuse
    assert "near is the simplest within one standard error of the best: 0.0050 behind best" in found.why
    assert "200 against 300 parameters" in found.why


def test_equally_simple_ones_are_chosen_by_score_and_tasks_count_after_parameters():
    one, other = finalist("one", [0.8, 0.6, 0.7]), finalist("other", [0.79, 0.63, 0.69])
    assert select([one, other], 0.2).chosen == "other"
    fewer = finalist("fewer", [0.8, 0.6, 0.7], tasks=1)
    assert select([other, fewer], 0.2).chosen == "fewer"


def test_the_best_itself_is_chosen_where_nothing_simpler_is_near():
    found = select([finalist("best", [0.9, 0.8], 10), finalist("big", [0.9, 0.79], 20)], 0.2)
    assert found.chosen == found.best == "best"
    assert "nothing simpler comes within one standard error" in found.why


def test_seeds_are_averaged_within_a_fold_before_anything_is_compared():
    noisy = finalist("noisy", [[0.9, 0.5], [0.5, 0.9]], 10)
    flat = finalist("flat", [[0.71, 0.71], [0.71, 0.71]], 20)
    found = select([noisy, flat], 0.2)
    assert found.best == "flat"
    assert found.standings[1].error == pytest.approx(0.0)


def test_one_fold_gives_no_error_and_the_best_score_wins():
    assert select([finalist("a", [0.5], 10), finalist("b", [0.6], 99)], 0.2).chosen == "b"


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ComparisonError, match="nothing to choose from"):
        select([], 0.2)
    with pytest.raises(ComparisonError, match="differ in folds or seeds"):
        select([finalist("a", [0.5, 0.6]), finalist("b", [0.5])], 0.2)
    with pytest.raises(ComparisonError, match=r"has no ccc in some fold"):
        select([finalist("a", [0.5, float("nan")])], 0.2, "ccc")


scores = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(st.lists(st.tuples(scores, st.integers(1, 5)), min_size=1, max_size=5))
def test_the_chosen_one_is_within_and_nobody_within_is_simpler(drawn):
    everyone = [finalist(str(index), values, size) for index, (values, size) in enumerate(drawn)]
    found = select(everyone, 0.2)
    within = [standing.finalist for standing in found.standings if standing.within]
    (chosen,) = [one for one in within if one.name == found.chosen]
    assert all(chosen.size <= one.size for one in within)
    assert all(chosen.mean >= one.mean for one in within if one.size == chosen.size)
    assert found.best in {one.name for one in within}


def test_the_standard_error_is_that_of_the_corrected_t():
    gaps = np.random.default_rng(0).normal(0.02, 0.03, 10)
    assert standard_error(gaps, 0.125) == pytest.approx(math.sqrt(0.1 + 0.125) * gaps.std(ddof=1))
