"""Random effects against statsmodels: crossed speakers and seeds by REML, corpora by Paule-Mandel and Hartung-Knapp."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api
from statsmodels.stats.meta_analysis import combine_effects

from ablations.statistics.mixed import deviations, random_effect


def test_deviations_are_those_of_reml():
    """Balanced, with all estimates above 0: the mean squares give REML's solution."""
    random = np.random.default_rng(3)
    values = 0.05 + random.standard_normal((1, 12)) + 0.8 * random.standard_normal((4, 1)) + 0.5 * random.standard_normal((4, 12))
    found = deviations(values)
    rows = pd.DataFrame([(s, g, y) for (s, g), y in np.ndenumerate(values)], columns=["seed", "speaker", "y"]).assign(one=1)
    parts = {"speaker": "0 + C(speaker)", "seed": "0 + C(seed)"}
    with warnings.catch_warnings(action="ignore"):
        fitted = statsmodels.formula.api.mixedlm("y ~ 1", rows, groups="one", re_formula="0", vc_formula=parts).fit(reml=True)
    variances = dict(zip(sorted(parts), fitted.vcomp, strict=True))
    assert found.speaker**2 == pytest.approx(variances["speaker"], rel=0.02)
    assert found.seed**2 == pytest.approx(variances["seed"], rel=0.02)
    assert found.rest**2 == pytest.approx(fitted.scale, rel=0.02)


def test_one_seed_says_nothing_of_seeds():
    found = deviations(np.array([[0.1, 0.3, 0.2]]))
    assert found.speaker == pytest.approx(0.1) and math.isnan(found.seed) and math.isnan(found.rest)


@pytest.mark.parametrize("seed", range(4))
def test_corpora_are_combined_as_by_statsmodels(seed):
    random = np.random.default_rng(seed)
    values, errors = random.normal(0.02, 0.03, 5), random.uniform(0.005, 0.02, 5)
    found = random_effect(values, errors)
    with warnings.catch_warnings(action="ignore"):
        expected = combine_effects(values, errors**2, method_re="iterated", use_t=True)
        row = expected.summary_frame().loc["random effect wls"]
    assert found.between**2 == pytest.approx(max(0, expected.tau2), abs=1e-8)
    assert (found.mean.value, found.mean.low, found.mean.high) == pytest.approx(
        (row["eff"], row["ci_low"], row["ci_upp"]), rel=1e-4
    )


def test_it_keeps_its_level_with_few_corpora():
    random, runs = np.random.default_rng(0), 2000
    p = []
    for _ in range(runs):
        errors = random.uniform(0.01, 0.03, 4)
        p.append(random_effect(0.02 * random.standard_normal(4) + errors * random.standard_normal(4), errors).p)
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.07


def test_a_single_corpus_is_not_combined():
    assert math.isnan(random_effect([0.1, math.nan], [0.01, math.nan]).p)
