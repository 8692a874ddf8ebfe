"""The split of the variance: against statsmodels, against what was put in."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api
import statsmodels.formula.api

from ablations.statistics.variance import split_variance


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
    assert set(several.parts) == {"between folds", "between variants", "variants differing from fold to fold", "between seeds"}
    assert sum(several.parts.values()) == pytest.approx(1)
    one_seed = split_variance(made(random, (3, 1, 5), 1, 1, 1))
    assert set(one_seed.parts) == {
        "between folds",
        "between variants",
        "variants differing from fold to fold and from seed to seed",
    }
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
