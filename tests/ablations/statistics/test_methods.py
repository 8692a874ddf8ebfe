"""Every method against an independent computation, its laws, and what it refuses to say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ablations.pairing import pair
from ablations.statistics import METHODS
from ablations.statistics.bayes import correlated_bayes
from ablations.statistics.corrected_t import corrected_t, over_seeds
from ablations.statistics.effect import effect_size
from ablations.statistics.mcnemar import mcnemar, over_dependent
from ablations.statistics.method import evidence
from ablations.statistics.signed_rank import FEWEST, signed_rank

GAPS = st.lists(st.floats(-0.3, 0.3, allow_subnormal=False), min_size=2, max_size=15).filter(lambda v: np.std(v) > 1e-4)
RIGHT = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=50, deadline=None)
@given(GAPS, st.floats(0, 1), st.floats(0.001, 0.1))
def test_bayes_is_the_posterior_of_corani_and_benavoli(gaps, ratio, rope):
    """Their rho = test / (test + train) and their scale, and the area under the density rather than a distribution function."""
    values, rho = np.array(gaps), ratio / (1 + ratio)
    scale = math.sqrt((1 / len(values) + rho / (1 - rho)) * np.var(values, ddof=1))
    posterior = stats.t(len(values) - 1, values.mean(), scale)
    found = correlated_bayes(values, ratio, rope)
    grid = np.linspace(-rope, rope, 4001)
    assert found.equivalent == pytest.approx(integrate.simpson(posterior.pdf(grid), x=grid), abs=1e-6)
    assert found.worse == pytest.approx(posterior.cdf(-rope), abs=1e-9)
    assert found.worse + found.equivalent + found.better == pytest.approx(1)


@given(GAPS, st.floats(0, 1))
def test_bayes_without_a_region_decides_as_the_corrected_t(gaps, ratio):
    found = correlated_bayes(np.array(gaps), ratio, rope=0)
    assert 2 * min(found.worse, found.better) == pytest.approx(corrected_t(gaps, ratio).p, abs=1e-9)


@given(GAPS, st.floats(0, 1))
def test_bayes_turns_with_the_sign_and_a_wider_region_holds_more(gaps, ratio):
    values = np.array(gaps)
    found, turned = correlated_bayes(values, ratio), correlated_bayes(-values, ratio)
    assert (found.worse, found.better) == pytest.approx((turned.better, turned.worse))
    assert correlated_bayes(values, ratio, 0.05).equivalent >= found.equivalent - 1e-12


@given(GAPS)
def test_effect_size_is_t_without_its_root_of_n(gaps):
    assert effect_size(np.array(gaps)) * math.sqrt(len(gaps)) == pytest.approx(stats.ttest_1samp(gaps, 0)[0])


def test_what_has_no_spread():
    alike, none, one = np.full(4, 0.1), np.zeros(4), np.array([0.2])
    assert effect_size(none) == 0 and correlated_bayes(none, 0.1).equivalent == 1
    for values in (alike, one):
        assert math.isnan(effect_size(values)) and math.isnan(correlated_bayes(values, 0.1).better)
    assert signed_rank(np.zeros(8)) == 1


@settings(max_examples=50)
@given(RIGHT)
def test_mcnemar_is_the_sum_of_binomial_terms(answers):
    """Counted out: the probability of a split at least as uneven as the one seen."""
    ours, theirs = (np.array(side) for side in zip(*answers, strict=True))
    lost, won = int(np.sum(ours & ~theirs)), int(np.sum(~ours & theirs))
    n = lost + won
    uneven = [math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(won - lost)]
    assert mcnemar(ours, theirs) == pytest.approx(sum(uneven) / 2**n)
    assert mcnemar(theirs, ours) == pytest.approx(mcnemar(ours, theirs))


def test_twice_the_mean_p_is_a_p_value_when_seeds_answer_alike_or_apart():
    """Uniform p values, equal, independent or mirrored: at most 5 % of the joint ones are below .05."""
    random = np.random.default_rng(1)
    uniform, other = random.random((2, 20000))
    for second in (uniform, other, 1 - uniform):
        joint = np.array([over_dependent(pair) for pair in np.stack([uniform, second], axis=1).tolist()])
        assert np.mean(joint < 0.05) <= 0.055
    assert over_dependent([0.03]) == 0.03
    assert math.isnan(over_dependent([]))


def test_signed_rank_counts_all_signs_and_needs_six_folds():
    values = np.array([0.03, -0.01, 0.05, 0.02, 0.04, 0.06, -0.07])
    ranks = stats.rankdata(abs(values))
    sums = [ranks @ [(signs >> place) & 1 for place in range(7)] for signs in range(2**7)]
    seen = ranks[values > 0].sum()
    below, above = (np.mean(side) for side in (np.array(sums) <= seen, np.array(sums) >= seen))
    assert signed_rank(values) == pytest.approx(2 * min(below, above))
    assert math.isnan(signed_rank(values[: FEWEST - 1]))
    assert signed_rank(np.repeat(0.05, 8)) < 0.05, "equal sizes are ties, not an error"


def test_evidence_is_paired_and_turned_so_that_above_0_is_better(scored):
    base, other = np.array([[0.3, 0.4], [0.5, 0.2]]), np.array([[0.2, 0.3], [0.4, 0.4]])
    found = evidence(pair(scored({"base": base, "other": other}, "mae.valence"), "base", "mae.valence"))["other"]
    assert found.gaps == pytest.approx(base - other)
    assert found.test_to_train == pytest.approx(10 / 80)
    assert found.right == ()


def test_evidence_holds_the_answers_of_each_seed_in_one_order(spoken):
    outcomes = spoken({"base": 0.4, "more": 0.8})
    found = evidence(pair([outcomes[0], *reversed(outcomes[1:])], "base", "uar"))["more"]
    assert len(found.right) == 2
    for seed, (ours, theirs) in enumerate(found.right):
        for side, variant in ((ours, "base"), (theirs, "more")):
            tables = [one.test.predictions for one in outcomes if (one.variant, one.record.seed) == (variant, seed)]
            assert side.sum() == sum((table["emotion.target"] == table["emotion.predicted"]).sum() for table in tables)
        assert len(ours) == len(theirs) == 120
    assert evidence(pair(outcomes, "base", "ccc.valence"))["more"].right == ()


@pytest.mark.parametrize("metric", ["uar", "ccc.valence"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_fills_its_columns(name, metric, spoken):
    method = METHODS[name]
    (found,) = evidence(pair(spoken({"base": 0.4, "more": 0.8}), "base", metric)).values()
    cells = method.cells(found)
    assert len(cells) == len(method.columns)
    assert all(cells) and method.note.endswith(".")
    if name == "bayes":
        assert float(cells[2]) > 0.9
    assert (name == "mcnemar" and metric == "ccc.valence") == (set(cells) == {"—"})


def test_methods_look_at_the_mean_over_seeds(spoken):
    (found,) = evidence(pair(spoken({"base": 0.4, "more": 0.6}), "base", "uar")).values()
    assert METHODS["effect"].cells(found) == (f"{effect_size(over_seeds(found.gaps)):+.2f}",)
