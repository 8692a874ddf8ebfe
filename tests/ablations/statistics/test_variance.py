"""The split of the variance: against statsmodels, against what was put in, and the advice against its own formula."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api
import statsmodels.formula.api
from scipy import stats

from ablations.statistics.compare import corrected_t
from ablations.statistics.variance import Split, detectable, folds_for, seeds_for, split_variance


def made(random, shape, configuration=0.0, fold=0.0, joint=0.0, seed=0.0):
    """Scores [configurations seeds folds] with these variances."""
    configurations, _, folds = shape
    return (
        0.6
        + math.sqrt(configuration) * random.standard_normal((configurations, 1, 1))
        + math.sqrt(fold) * random.standard_normal((1, 1, folds))
        + math.sqrt(joint) * random.standard_normal((configurations, 1, folds))
        + math.sqrt(seed) * random.standard_normal(shape)
    )


def test_moments_are_those_of_an_analysis_of_variance():
    scores = made(np.random.default_rng(0), (3, 2, 6), 1, 2, 0.5, 0.3)
    rows = [(c, f, value) for (c, _, f), value in np.ndenumerate(scores)]
    fitted = statsmodels.formula.api.ols("y ~ C(c) * C(f)", pd.DataFrame(rows, columns=["c", "f", "y"])).fit()
    squares = statsmodels.api.stats.anova_lm(fitted)["sum_sq"] / statsmodels.api.stats.anova_lm(fitted)["df"]
    found = split_variance(scores)
    assert found.seed == pytest.approx(squares["Residual"])
    assert found.configuration_by_fold == pytest.approx(max(0, (squares["C(c):C(f)"] - squares["Residual"]) / 2))
    assert found.fold == pytest.approx(max(0, (squares["C(f)"] - squares["C(c):C(f)"]) / 6))
    assert found.configuration == pytest.approx(max(0, (squares["C(c)"] - squares["C(c):C(f)"]) / 12))


def test_what_was_put_in_comes_out():
    random, put = np.random.default_rng(1), {"configuration": 0.5, "fold": 4.0, "joint": 1.0, "seed": 2.0}
    found = [split_variance(made(random, (4, 3, 10), **put)) for _ in range(400)]
    means = {name: np.mean([getattr(one, name) for one in found]) for name in ("configuration", "fold", "seed")}
    means["joint"] = np.mean([one.configuration_by_fold for one in found])
    assert means == pytest.approx(put, rel=0.15)


def test_what_cannot_be_told_apart_is_not_named():
    random = np.random.default_rng(2)
    several = split_variance(made(random, (3, 2, 5), 1, 1, 1, 1))
    assert set(several.parts) == {"between folds", "between variants", "variant by fold", "between seeds"}
    assert sum(several.parts.values()) == pytest.approx(1)
    one_seed = split_variance(made(random, (3, 1, 5), 1, 1, 1))
    assert set(one_seed.parts) == {"between folds", "between variants", "variant by fold and seed together"}
    alone = split_variance(made(random, (1, 3, 5), fold=1, seed=1))
    assert set(alone.parts) == {"between folds", "between seeds"}
    assert set(split_variance(made(random, (1, 1, 5), fold=1)).parts) == {"between folds"}
    assert split_variance(made(random, (2, 2, 1))).parts == {}
    assert split_variance(np.full((2, 2, 4), 0.5)).parts == {}


def test_a_fold_without_a_score_is_left_out():
    scores = made(np.random.default_rng(3), (2, 2, 6), 1, 1, 1, 1)
    holed = scores.copy()
    holed[1, 0, 2] = math.nan
    assert split_variance(holed) == split_variance(np.delete(scores, 2, axis=2))


def test_detectable_is_that_of_the_test_for_two_configurations():
    """With what is there, and no estimate below 0, the formula gives back the corrected t test's own."""
    scores = made(np.random.default_rng(4), (2, 3, 8), 0.1, 1, 0.5, 0.2)
    test = corrected_t((scores[1] - scores[0]).mean(axis=0), 1 / 7)
    assert split_variance(scores).configuration_by_fold > 0
    assert detectable(split_variance(scores), 3, 8, 1 / 7) == pytest.approx(test.detectable)


def test_as_many_seeds_and_folds_as_advised_find_what_is_wanted():
    split = Split(0.0, 1e-3, 1e-4, 8e-4, configurations=2, seeds=2, folds=10)
    wanted = 0.03
    for seeds, folds in ((seeds_for(split, wanted, 1 / 9), 10), (2, folds_for(split, wanted, 1 / 9))):
        assert detectable(split, seeds, folds, 1 / 9) <= wanted
        fewer = (seeds - 1, folds) if folds == 10 else (seeds, folds - 1)
        assert detectable(split, *fewer, 1 / 9) > wanted
        random, found = np.random.default_rng(5), []
        error = math.sqrt((1 / folds + 1 / (folds - 1)) * 2 * (1e-4 + 8e-4 / seeds))
        for _ in range(4000):
            mean, scale = wanted + error * random.standard_normal(), error * math.sqrt(random.chisquare(folds - 1) / (folds - 1))
            found.append(2 * stats.t(folds - 1).sf(abs(mean) / scale) < 0.05)
        assert np.mean(found) >= 0.78


def test_where_folds_disagree_no_number_of_seeds_helps():
    split = Split(0.0, 0.0, 4e-3, 1e-4, configurations=2, seeds=2, folds=5)
    assert seeds_for(split, 0.02, 0.25) == 0
    assert 50 < folds_for(split, 0.03, 0.25) < 200
    assert folds_for(split, 1e-5, 0.25) == 0
    assert math.isnan(detectable(Split(0.0, 1.0, 1.0, math.nan, 2, 1, 5), 2, 5, 0.25)), "one seed knows nothing of two"
