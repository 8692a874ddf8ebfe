"""The paired test against its formula, against other implementations, and against its promised error rate."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablations.outcomes import score_table
from ablations.pairing import ComparisonError, pair
from ablations.statistics.compare import compare, compare_all
from ablations.statistics.corrected_t import corrected_t, holm
from ablations.statistics.power import noise_of
from ablations.statistics.words import amount, probability, with_range

SCORES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=30).filter(lambda v: np.std(v) > 1e-6)
RATIOS = st.floats(0, 1)
A = np.array([[0.60, 0.70, 0.65, 0.50, 0.62], [0.61, 0.66, 0.63, 0.55, 0.60]])
GAIN = np.array([0.10, 0.12, 0.09, 0.11, 0.13])
NOISE = np.array([0.04, -0.05, 0.02, -0.03, 0.01])


@given(SCORES, RATIOS)
def test_corrected_t_is_the_formula_of_nadeau_and_bengio(values, ratio):
    found = corrected_t(values, ratio)
    n = len(values)
    error = math.sqrt((1 / n + ratio) * np.var(values, ddof=1))
    assert found.mean.value == pytest.approx(np.mean(values))
    assert found.p == pytest.approx(2 * stats.t(n - 1).sf(abs(np.mean(values)) / error), rel=1e-6)
    assert (found.mean.low, found.mean.high) == pytest.approx(stats.t.interval(0.95, n - 1, np.mean(values), error))
    assert (found.error, found.n, found.freedom) == (pytest.approx(error), n, n - 1)


@given(SCORES)
def test_without_overlap_it_is_the_plain_t_test(values):
    assert corrected_t(values, 0).p == pytest.approx(stats.ttest_1samp(values, 0)[1], rel=1e-6)


@given(SCORES, RATIOS)
def test_interval_and_p_agree(values, ratio):
    found = corrected_t(values, ratio)
    assert (found.p < 0.05) == (found.mean.low > 0 or found.mean.high < 0)


def test_what_cannot_be_tested_is_not_tested():
    assert math.isnan(corrected_t([], 0.1).mean.value)
    single = corrected_t([0.2], 0.1)
    assert single.mean.value == 0.2
    assert math.isnan(single.p)
    assert math.isnan(single.mean.low)
    alike = corrected_t([0.1 + 0.2, 0.3, 0.3], 0.1)
    assert alike.mean.value == pytest.approx(0.3)
    assert math.isnan(alike.p)
    nothing = corrected_t([0.0, 1e-17, 0.0], 0.1)
    assert (nothing.p, nothing.mean.value) == (1, 0)
    with pytest.raises(ValueError, match="finite"):
        corrected_t([0.1, math.nan], 0.1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_with_tests_that_are_not_here_is_never_below_holm_with_them():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.uniform(0, 0.2, 8)
        assert (holm(p[:3], 8) >= holm(p)[:3] - 1e-12).all()
    assert holm([0.01, 0.02], 8).tolist() == pytest.approx([0.08, 0.14])
    assert holm([0.01, 0.02], 1).tolist() == holm([0.01, 0.02]).tolist()


def test_holm_does_not_count_what_was_not_tested():
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert len(holm([])) == 0


@pytest.mark.parametrize("same_fold", [0.5, 0.9])
@pytest.mark.parametrize("folds", [5, 10])
def test_error_rate_under_cross_validation(folds, same_fold):
    """No true difference; folds share training data (r = 1/folds), seeds share folds: 3 to 7 % are rejected."""
    random, runs, seeds = np.random.default_rng(folds), 4000, 3
    shared = same_fold * np.array([1 / folds, 1 - 1 / folds, 1 / same_fold - 1])
    parts = [random.standard_normal(shape) for shape in ((runs, 1, 1), (runs, 1, folds), (runs, seeds, folds))]
    differences = sum(math.sqrt(part) * noise for part, noise in zip(shared, parts, strict=True))
    assert isinstance(differences, np.ndarray)
    ratio = 1 / (folds - 1)

    def rejected(values: np.ndarray, overlap: float) -> float:
        return float(np.mean([corrected_t(one, overlap).p < 0.05 for one in values]))

    assert 0.03 <= rejected(differences.mean(axis=1), ratio) <= 0.07
    assert rejected(differences.mean(axis=1), 0) > 0.08, "the plain paired t test is no better, so why correct"
    if same_fold > 0.8:
        assert rejected(differences.reshape(runs, -1), ratio) > 0.1, "seeds might as well count as repeats"


def test_compare_pairs_by_fold_and_averages_seeds(scored):
    found = compare(pair(scored({"base": A, "more": A + GAIN + NOISE}), "base"))["more"]
    expected = corrected_t(GAIN + NOISE, 10 / 80)
    assert found.difference.value == pytest.approx(expected.mean.value)
    assert found.p == pytest.approx(expected.p)
    assert found.noise.variance == pytest.approx(noise_of(GAIN + NOISE + np.zeros((2, 5)), 10 / 80).variance)
    assert found.score.value == pytest.approx((A + GAIN + NOISE).mean())
    assert (found.pairs, found.folds, found.seeds) == (10, 5, 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-0.3, 0.3))
def test_laws_of_comparison(scored, seed, shift):
    random = np.random.default_rng(seed)
    base, other = random.uniform(0.3, 0.7, (2, 2, 6))
    outcomes = scored({"base": base, "other": other})
    found = compare(pair(outcomes, "base"))["other"]
    swapped = compare(pair(outcomes, "other"))["base"]
    moved = compare(pair(scored({"base": base + shift, "other": other + shift}), "base"))["other"]
    shuffled = [outcomes[place] for place in [0, *(1 + random.permutation(len(outcomes) - 1))]]
    assert swapped.difference.value == pytest.approx(-found.difference.value)
    assert (swapped.difference.low, swapped.difference.high) == pytest.approx((-found.difference.high, -found.difference.low))
    assert swapped.p == pytest.approx(found.p)
    assert moved.difference.value == pytest.approx(found.difference.value)
    assert moved.p == pytest.approx(found.p, rel=1e-6)
    assert compare(pair(shuffled, "base"))["other"] == found


def test_verdicts_are_sentences(scored):
    scores = {"base": A, "better": A + GAIN, "worse": A - GAIN, "noise": A + NOISE, "twin": A, "alike": A + 0.1}
    compared = compare(pair(scored(scores), "base"))
    found = {name: one.verdict for name, one in compared.items()}
    assert found["base"] == "baseline"
    assert found["better"] == f"different: better by 11.0 points (Holm p {_holm_of(scores, scored, 'better')})"
    assert found["worse"].startswith("different: worse by 11.0 points (Holm p ")
    finds = with_range(compared["noise"].detectable, "uar")
    assert (
        found["noise"] == f"undecided: worse by 0.2 points; 5 folds x 2 seeds find a true difference of {finds} 80 times in 100"
    )
    assert found["twin"] == "equivalent: the same score in every fold"
    assert found["alike"] == "no test: better by 10.0 points in every fold, so the spread is unknown"
    ccc = compare(pair(scored({"base": A[:1], "noise": A[:1] + NOISE}, "ccc.valence"), "base", "ccc.valence"))["noise"]
    size = with_range(noise_of(NOISE[None], 10 / 80).detectable(), "ccc.valence")
    assert ccc.verdict == f"undecided: worse by .002; 5 folds x 1 seed find a true difference of {size} 80 times in 100"


def test_the_verdict_is_one_of_three_words(scored):
    close = A + 0.002 * np.array([1, -1, 1, 0.5, -0.5])
    small = A + 0.01 + 0.002 * np.array([1, -1, 1, 0.5, -0.5])
    found = compare(pair(scored({"base": A, "close": close, "small": small, "noise": A + NOISE})))
    assert {name: one.word for name, one in found.items() if name != "base"} == {
        "close": "equivalent",
        "small": "different",
        "noise": "undecided",
    }
    assert found["close"].verdict.startswith("equivalent: better by 0.0 points; a true difference above 2.0 points is ruled out")
    assert found["small"].verdict.startswith("different: better by 1.0 points, yet by less than 2.0 points (Holm p ")


def test_holm_counts_variants_and_metrics(scored, one_outcome):
    """One family: the adjusted p are those of Holm over all variants on all metrics."""
    random = np.random.default_rng(0)
    outcomes = [
        one_outcome(name, seed, fold, {"uar": random.uniform(), "ccc.valence": random.uniform()})
        for name in ("base", "a", "b")
        for seed in (0, 1)
        for fold in range(1, 7)
    ]
    study = dataclasses.replace(pair(outcomes), further_metrics=("ccc.valence",))
    found = compare_all(study)
    rows = [found[metric][name] for metric in ("uar", "ccc.valence") for name in ("a", "b")]
    assert [one.p_holm for one in rows] == pytest.approx(multipletests([one.p for one in rows], method="holm")[1])
    assert {one.noise.tests for one in rows} == {4}
    assert compare(study)["a"].noise.tests == 2, "a single metric counts its own variants"


def _holm_of(scores, scored, name):
    return probability(compare(pair(scored(scores), "base"))[name].p_holm)


def test_holm_can_take_a_verdict_back(scored):
    marginal = np.array([0.06, 0.01, 0.07, 0.03, 0.05])
    alone = compare(pair(scored({"base": A, "a": A + marginal}), "base"))["a"]
    assert alone.verdict.startswith("different: better by 4.4 points")
    among = compare(pair(scored({"base": A, "a": A + marginal, "b": A + NOISE, "c": A - NOISE}), "base"))["a"]
    corrected = f"(p {probability(alone.p)} before Holm, {probability(among.p_holm)} after)"
    assert among.verdict.startswith(f"undecided: better by 4.4 points {corrected}; 5 folds")


def test_one_fold_is_no_test(scored):
    found = compare(pair(scored({"base": [[0.5], [0.6]], "more": [[0.6], [0.8]]}), "base"))["more"]
    assert found.verdict == "no test: better by 15.0 points in a single fold, and there are no scores per speaker to test"
    assert math.isnan(found.p)


def test_undefined_scores_are_left_out_and_told(scored):
    holed = A.copy()
    holed[0, 0] = math.nan
    holed[:, 4] = math.nan
    found = compare(pair(scored({"base": holed, "more": A + NOISE}), "base"))["more"]
    assert (found.pairs, found.folds) == (7, 4)
    assert found.difference.value == pytest.approx(NOISE[:4].mean())
    assert found.verdict.endswith("(3 of 10 pairs have no uar and are left out)")


def test_a_variant_without_the_task_is_not_tested(scored):
    outcomes = scored({"base": A}, "ccc.valence") + scored({"off": A})
    found = compare(pair(outcomes, "base", "ccc.valence"))["off"]
    assert found.verdict == "no test: no fold has ccc.valence in both the variant and the baseline"
    assert math.isnan(found.score.value)
    assert found.pairs == 0


def _refusal(outcomes, **options):
    with pytest.raises(ComparisonError) as refused:
        compare(pair(outcomes, "base", **options))
    return str(refused.value)


def test_refusals_say_what_is_missing(scored, one_outcome):
    whole = scored({"base": A, "more": A})
    assert _refusal([]) == "the baseline 'base' has no folds; variants with folds: none. Run the study again"
    assert "'base' has no folds; variants with folds: 'more'" in _refusal(whole[10:])
    assert _refusal(whole[:-2]) == (
        "the study is incomplete: 'more' lacks fold 4, 5 of seed 1. Run the study again: it trains only what is missing"
    )
    assert "'more' lacks seed 1." in _refusal(whole[:15])
    assert "'base' lacks fold 1 of seed 0." in _refusal(whole[1:])
    assert _refusal([*whole, whole[0]]) == "'base' has fold 1 of seed 0 twice; give each once"
    split = _refusal(scored({"base": A}) + scored({"more": A}, split="ffffffffffff"))
    assert "'more' and the baseline 'base' have different protocol cards: split ffffffffffff against 0123456789ab" in split
    assert "run the study again with the same corpus" in split
    sizes = _refusal(scored({"base": A}) + scored({"more": A}, sizes=(80, 9)))
    assert sizes.startswith("'more' was tested on 9 utterances in fold 1 of seed 0, the baseline 'base' on 10")
    assert _refusal(whole, metric="wa") == "no variant has the metric 'wa'; choose from uar"
    mixed = [*whole[:9], dataclasses.replace(one_outcome("base", 1, 5, {"uar": 0.5}, split="eeeeeeeeeeee"))]
    assert "split eeeeeeeeeeee against 0123456789ab" in _refusal(mixed)


def test_long_table_is_sorted_and_whole(scored):
    outcomes = scored({"z": A, "a": A})
    table = score_table([outcomes[0], *reversed(outcomes[1:])])
    assert list(table.columns) == ["variant", "seed", "fold", "held_out", "split", "uar", "train", "test"]
    assert table["variant"].tolist() == ["z"] * 10 + ["a"] * 10
    assert table["uar"].tolist() == [*A.ravel(), *A.ravel()]
    assert table["fold"].tolist() == [1, 2, 3, 4, 5] * 4


def test_sizes_and_probabilities_in_words():
    assert amount(0.0405, "ccc.arousal") == ".041"
    assert amount(1.2, "ccc.arousal") == "1.200"
    assert amount(0.052, "wa") == "5.2 points"
    assert probability(0.99999) == "= 1"
    assert probability(0.0004) == "< .001"


def test_holm_counts_tests_that_were_judged_before(scored):
    paired = dataclasses.replace(pair(scored({"base": A, "other": A + GAIN})), least_tests=8)
    one, alone = compare_all(paired)["uar"]["other"], compare(paired)["other"]
    assert one.p_holm == pytest.approx(min(1, 8 * one.p)) and one.noise.tests == 8
    assert alone.p_holm == one.p and alone.noise.tests == 1
