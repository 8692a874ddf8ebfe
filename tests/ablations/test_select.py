"""The choice among finalists by paired, corrected differences toward the smaller model, and its cross-fitting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.pairing import ComparisonError
from ablations.select import (
    Finalist,
    choice_interval,
    cross_fitted,
    folds_without_tested,
    select,
    standard_error,
)
from ablations.statistics.corrected_t import corrected_t


def finalist(name, values, parameters=100):
    return Finalist(name, np.atleast_2d(np.asarray(values, float)), parameters)


def test_the_smallest_within_the_margin_of_the_best_is_chosen():
    best = finalist("best", [0.80, 0.70, 0.90, 0.60], 300)
    near = finalist("near", [0.79, 0.72, 0.86, 0.61], 200)
    small = finalist("small", [0.70, 0.60, 0.80, 0.50], 10)
    found = select([small, near, best], 0.25, margin=1)
    assert (found.best, found.chosen) == ("best", "near")
    assert [standing.finalist.name for standing in found.standings] == ["best", "near", "small"]
    gaps = np.array([0.01, -0.02, 0.04, -0.01])
    error = math.sqrt((1 / 4 + 0.25) * gaps.var(ddof=1))
    assert found.standings[1].error == pytest.approx(error)
    assert found.standings[1].behind.mean.value == pytest.approx(0.005)
    assert "near is the smallest within 1 standard error of the best: 0.0050 behind best" in found.why
    assert "200 against 300 parameters at inference" in found.why
    # .005 behind at an error of .018: half an error reaches it, a quarter does not.
    assert select([small, near, best], 0.25, margin=0.5).chosen == "near"
    assert select([small, near, best], 0.25).chosen == select([small, near, best], 0.25, margin=0).chosen == "best"


def test_of_two_with_the_same_size_the_better_one_is_chosen():
    one, other = finalist("one", [0.8, 0.6, 0.7]), finalist("other", [0.79, 0.63, 0.69])
    assert select([one, other], 0.2).chosen == "other"


def test_the_best_itself_is_chosen_where_nothing_simpler_is_near():
    found = select([finalist("best", [0.9, 0.8], 10), finalist("big", [0.9, 0.79], 20)], 0.2)
    assert found.chosen == found.best == "best"
    assert "nothing smaller comes within 0.25 standard errors" in found.why
    assert "nothing smaller" not in select([finalist("best", [0.9, 0.8], 10)], 0.2, margin=0).why


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


@given(st.lists(st.tuples(scores, st.integers(1, 5)), min_size=1, max_size=5), st.floats(0, 2))
def test_the_chosen_one_is_within_and_nobody_within_is_smaller(drawn, margin):
    everyone = [finalist(str(index), values, size) for index, (values, size) in enumerate(drawn)]
    found = select(everyone, 0.2, margin=margin)
    within = [each.finalist for each in found.standings if each.behind.mean.value <= margin * each.error]
    (chosen,) = [one for one in within if one.name == found.chosen]
    assert all(chosen.parameters <= one.parameters for one in within)
    assert all(chosen.mean >= one.mean for one in within if one.parameters == chosen.parameters)
    assert found.best in {one.name for one in within}


def test_the_standard_error_is_that_of_the_corrected_t():
    gaps = np.random.default_rng(0).normal(0.02, 0.03, 10)
    assert standard_error(gaps, 0.125) == pytest.approx(math.sqrt(0.1 + 0.125) * gaps.std(ddof=1))


def test_folds_in_which_a_tested_speaker_develops_are_left_out():
    assert folds_without_tested([{"b"}, {"c"}, {"a"}], [{"a"}, {"b"}, {"c"}]) == [(0, 1), (1, 2), (0, 2)]
    # Two speakers in each test part, of whom one develops; then partners; then utterances of everybody else; then one split.
    assert folds_without_tested([{"c"}, {"a"}], [{"a", "b"}, {"c", "d"}]) == [(0,), (1,)]
    assert folds_without_tested([{"b"}, {"a"}, {"d"}], [{"a"}, {"b"}, {"c"}]) == [(0, 2), (1, 2), (0, 1, 2)]
    assert folds_without_tested([{"b", "c"}, {"a", "c"}, {"a", "b"}], [{"a"}, {"b"}, {"c"}]) == [(0,), (1,), (2,)]
    assert folds_without_tested([{"x"}], [{"a"}]) == [(0,)] and folds_without_tested([{"a"}], [{"a"}]) == [()]


def test_a_fold_is_tested_with_the_choice_that_its_own_speaker_did_not_make():
    """Speaker a develops in fold 3 and alone makes "loud" look best; only the fold that tests a does not fall for it."""
    loud, calm = finalist("loud", [0.5, 0.5, 0.9]), finalist("calm", [0.6, 0.6, 0.6])
    kept = folds_without_tested([{"b"}, {"c"}, {"a"}], [{"a"}, {"b"}, {"c"}])
    lists = [{"loud", "calm"}] * 3
    assert select([loud, calm], 0.2, margin=0).chosen == "loud"
    assert cross_fitted([loud, calm], kept, lists, 0.2, margin=0) == ["calm", "loud", "loud"]
    assert cross_fitted([loud, calm], kept, [{"loud"}, *lists[1:]], 0.2, margin=0)[0] == "loud"


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=2, max_size=5), st.integers(0, 3), st.floats(0, 1))
def test_a_tested_speakers_own_score_never_changes_its_choice(drawn, tested, new):
    """Whatever the score of a speaker becomes, in any configuration, the choice for its own fold stays."""
    develops = [{(fold + 1) % 4} for fold in range(4)]
    kept = folds_without_tested(develops, [{fold} for fold in range(4)])

    def choice(values):
        everyone = [finalist(str(index), row, index + 1) for index, row in enumerate(values)]
        return cross_fitted(everyone, kept, [{one.name for one in everyone}] * 4, 0.2)[tested]

    changed = np.array(drawn)
    changed[:, (tested - 1) % 4] = new * np.arange(len(drawn))
    assert choice(drawn) == choice(changed)


def test_the_interval_lies_between_plain_and_corrected():
    values = np.random.default_rng(3).normal(0.02, 0.03, 10)
    plain, own, corrected = corrected_t(values, 0).mean, choice_interval(values, 0.125), corrected_t(values, 0.125).mean
    assert plain.high < own.high < corrected.high and plain.value == own.value == corrected.value
    assert math.isnan(choice_interval([0.3], 0.1).low)
