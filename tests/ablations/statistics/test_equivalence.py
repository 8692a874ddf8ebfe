"""Two one-sided tests, against a computation by hand, against scipy, and in planted studies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.paired_study import MARGIN
from ablations.statistics.corrected_t import UNTESTED, corrected_t
from ablations.statistics.equivalence import tost
from ablations.statistics.planted import words
from ablations.statistics.speakers import crossed_t

VALUES = st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=20).filter(lambda v: np.std(v) > 1e-6)


def test_by_hand():
    """Mean .002, sd .001, error .001 sqrt(1/4 + 1/2) = .000866; t = (.002 - .005) / .000866 = -3.4641 with 3 degrees."""
    values = [0.002 + 0.001 * each for each in np.array([1, -1, 1, -1]) * math.sqrt(3 / 4)]
    assert tost(corrected_t(values, 0.5), 0.005) == pytest.approx(stats.t.cdf(-3.4641016, 3), rel=1e-5)


@given(VALUES, st.floats(0.001, 0.1))
def test_without_overlap_it_is_two_one_sided_t_tests(values, margin):
    low = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    high = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert tost(corrected_t(values, 0.0), margin) == pytest.approx(max(low, high), rel=1e-6, abs=1e-12)


@given(VALUES, st.floats(0, 1), st.floats(0.001, 0.1))
def test_it_decides_as_the_90_per_cent_interval_and_ignores_the_sign(values, ratio, margin):
    test = corrected_t(values, ratio)
    low, high = stats.t.interval(0.9, test.freedom, test.mean.value, test.error)
    assert (tost(test, margin) < 0.05) == (-margin < low and high < margin)
    assert tost(corrected_t([-one for one in values], ratio), margin) == pytest.approx(tost(test, margin))


def test_without_a_test_and_without_a_difference():
    assert math.isnan(tost(UNTESTED, 0.02)) and math.isnan(tost(corrected_t([0.1, 0.1], 0.1), 0.02))
    assert tost(corrected_t([0.0, 0.0], 0.1), 0.02) == 0.0
    assert 0 < tost(crossed_t(np.array([[0.01, 0.02, -0.01], [0.0, 0.01, 0.02]])), 0.05) < 0.5


@pytest.mark.parametrize(("folds", "spread"), [(5, 0.03), (10, 0.015), (20, 0.015)])
def test_a_difference_of_the_margin_is_called_equivalent_in_at_most_5_per_cent(folds, spread):
    _, equivalent, _ = words(folds, spread, MARGIN, runs=2000)
    assert equivalent <= 0.06
    different, equivalent, undecided = words(folds, spread, 0.0, runs=2000)
    assert 0.03 <= different <= 0.07
    assert different + equivalent + undecided == pytest.approx(1)
    if spread / math.sqrt(folds) < 0.004:
        assert equivalent > 0.8
