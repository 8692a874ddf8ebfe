"""The bootstrap over speakers: its sums against plain recomputation, its coverage, what it refuses."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import recall_score

from ablations.pairing import ComparisonError, pair
from ablations.statistics.pooled_scores import Answers, draw, interval, point, pooled_scores, read, redraw
from ser_core.evaluation.score import score
from ser_core.metrics import find_metric
from ser_core.metrics.concordance import ccc
from ser_core.metrics.recall import uar

METRICS = ("uar", "wa", "macro_f1", "ccc.valence")


@pytest.mark.parametrize("metric", METRICS)
def test_a_redraw_is_the_score_of_the_utterances_it_repeats(spoken, metric):
    """The weighted sums per speaker give what scoring the repeated utterances gives."""
    answers = read(pair(spoken({"base": 0.6})).pairs["base"], metric)[0]
    speakers = np.unique(answers.speaker)
    weights = draw(len(speakers), 20, seed=1)
    found = redraw(answers, find_metric(metric), speakers, weights)
    for counts, redrawn in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(len(answers.speaker)), counts[np.searchsorted(speakers, answers.speaker)])
        again = Answers(*(getattr(answers, field.name)[rows] for field in dataclasses.fields(answers)))
        assert redrawn == pytest.approx(point(again, find_metric(metric)), abs=1e-12)
    once = redraw(answers, find_metric(metric), speakers, np.ones((1, len(speakers))))
    assert once[0] == pytest.approx(point(answers, find_metric(metric)))


def test_recall_is_averaged_over_the_classes_of_the_truth():
    """A class that is only predicted is no class of the truth, and its utterances still count as missed."""
    answers = Answers(*np.array([list("1234"), list("xxyy"), list("aaab"), list("acab")]))
    found = redraw(answers, find_metric("uar"), np.array(["x", "y"]), np.array([[1, 1], [2, 0], [0, 2]]))
    assert found == pytest.approx([(2 / 3 + 1) / 2, 0.5, 1])
    expected = recall_score(list("aaab"), list("acab"), labels=["a", "b"], average="macro")
    assert found[0] == pytest.approx(expected)


def test_seeds_are_pooled_one_by_one(spoken):
    outcomes = spoken({"base": 0.4, "more": 0.7})
    found = pooled_scores(pair(outcomes, "base", "uar"))
    for variant in ("base", "more"):
        by_seed = []
        for seed in (0, 1):
            parts = [o.test.predictions for o in outcomes if (o.variant, o.record.seed) == (variant, seed)]
            table = pd.concat(parts)
            by_seed.append(uar(table["emotion.target"].tolist(), table["emotion.predicted"].tolist()))
        assert found[variant].score.value == pytest.approx(np.mean(by_seed))
    gap = found["more"].difference
    assert gap.value == pytest.approx(found["more"].score.value - found["base"].score.value)
    assert gap.low < gap.value < gap.high
    assert math.isnan(found["base"].difference.value)
    assert found["base"].speakers == 6


def test_pooled_ccc_is_of_all_utterances_together(spoken):
    """Not the mean of parts: shifting one fold's truth and answers alike changes no fold and still changes the whole."""
    outcomes = spoken({"base": 0.6}, seeds=1)
    outcomes[0].test.predictions[["dimensions.valence.target", "dimensions.valence.predicted"]] += 100
    table = pd.concat([one.test.predictions for one in outcomes])
    whole = ccc(table["dimensions.valence.target"].tolist(), table["dimensions.valence.predicted"].tolist())
    parts = np.mean([score(one.test.predictions)["ccc.valence"] for one in outcomes])
    assert pooled_scores(pair(outcomes, "base", "ccc.valence"))["base"].score.value == pytest.approx(whole)
    assert whole > 0.99 > parts + 0.05


def test_same_seed_same_interval_whatever_the_order(spoken):
    outcomes = spoken({"base": 0.4, "more": 0.7})
    assert pooled_scores(pair(outcomes, "base")) == pooled_scores(pair([outcomes[0], *outcomes[:0:-1]], "base"))
    assert pooled_scores(pair(outcomes, "base"), seed=1) != pooled_scores(pair(outcomes, "base"), seed=2)


def test_intervals_cover_the_truth_with_enough_speakers():
    """Accuracy differs between speakers (sd .15); whole speakers are redrawn, about 95 % of the intervals hold it."""
    random, covered, naive = np.random.default_rng(5), [], []
    speakers = np.array([f"{number:03d}" for number in range(40)])
    weights = draw(len(speakers), 400, seed=0)
    for _ in range(200):
        skill = np.clip(random.normal(0.6, 0.15, len(speakers)), 0, 1)
        right = random.random((len(speakers), 30)) < skill[:, None]
        truth, who = np.full(right.size, "a"), np.repeat(speakers, 30)
        answers = Answers(np.arange(right.size), who, truth, np.where(right.ravel(), "a", "b"))
        found = interval(right.mean(), redraw(answers, find_metric("wa"), speakers, weights), len(speakers))
        covered.append(found.low <= 0.6 <= found.high)
        naive.append(abs(right.mean() - 0.6) <= 1.96 * right.std() / math.sqrt(right.size))
    assert 0.9 <= np.mean(covered) <= 0.985
    assert np.mean(naive) < 0.8, "utterances are not independent; the test would prove nothing"


def test_an_interval_of_the_mean_is_students(n=5):
    """With the standard deviation that redraws of a mean have, sqrt((n - 1) / n) / sqrt(n) of the sample's."""
    values = np.array([0.1, 0.4, 0.2, 0.9, 0.3])
    found = interval(values.mean(), draw(n, 200_000, seed=0) @ values / n, n)
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.005)


@pytest.mark.parametrize("speakers", [5, 10])
def test_few_speakers_near_the_top_are_covered_too(speakers):
    """Accuracy of .9 whose logit differs between speakers (sd .8), so that their mean is skewed."""
    random, high, low = np.random.default_rng(7), 0, 0
    names, weights = np.array([f"{number:02d}" for number in range(speakers)]), draw(speakers, 500, seed=0)
    truth = 1 / (1 + np.exp(-(2.5 + 0.8 * random.standard_normal(100_000)))).mean()
    for _ in range(800):
        skill = 1 / (1 + np.exp(-(2.5 + 0.8 * random.standard_normal(speakers))))
        right = (random.random((speakers, 40)) < skill[:, None]).ravel()
        answers = Answers(np.arange(right.size), np.repeat(names, 40), np.full(right.size, "a"), np.where(right, "a", "b"))
        found = interval(right.mean(), redraw(answers, find_metric("wa"), names, weights), speakers, (0, 1))
        assert 0 < found.low <= right.mean() <= found.high <= 1
        low, high = low + (truth < found.low), high + (truth > found.high)
    assert 0.02 <= (low + high) / 800 <= 0.08


def test_bounds_are_never_passed_and_a_perfect_score_is_certain():
    spread = np.array([0.9, 1.0] * 50)
    assert interval(0.99, spread, 3, (0, 1)).high < 1 < interval(0.99, spread, 3).high
    assert interval(-0.9, spread, 3, (-1, 1)).low > -1
    perfect = interval(1.0, np.ones(100), 5, (0, 1))
    assert (perfect.value, perfect.low, perfect.high) == (1, 1, 1)
    assert interval(0.0, spread, 3, (0, 1)).low == 0


def test_one_speaker_has_no_interval(spoken):
    found = pooled_scores(pair(spoken({"base": 0.4, "more": 0.7}, folds=1), "base"))["more"]
    assert found.score.value > 0
    assert math.isnan(found.score.low)
    assert math.isnan(found.difference.high)


def test_unlabelled_utterances_are_left_out(spoken):
    outcomes = spoken({"base": 0.5}, seeds=1)
    table = outcomes[0].test.predictions
    outcomes[0].test.predictions["emotion.target"] = table["emotion.target"].where(table.index > 4, "")
    outcomes[0].test.predictions.loc[:2, "dimensions.valence.target"] = math.nan
    pairs = pair(outcomes, "base").pairs["base"]
    assert [len(read(pairs, metric)[0].target) for metric in METRICS] == [115, 115, 115, 117]
    assert math.isfinite(pooled_scores(pair(outcomes, "base", "ccc.valence"))["base"].score.low)


def test_a_variant_without_predictions_gets_nothing(spoken, scored):
    outcomes = spoken({"base": 0.5}, seeds=1) + scored({"off": [[0.5] * 6]}, sizes=(80, 20))
    found = pooled_scores(pair(outcomes, "base"))
    assert math.isnan(found["off"].score.value)
    assert math.isnan(found["off"].difference.value)
    assert math.isfinite(found["base"].score.low)
    assert pooled_scores(pair(scored({"base": [[0.5, 0.6]]}), "base"))["base"].speakers == 0


def test_refuses_other_utterances_and_other_metrics(spoken):
    outcomes = spoken({"base": 0.5, "more": 0.6})
    table = outcomes[-1].test.predictions
    outcomes[-1].test.predictions["utterance"] = table["utterance"].replace("u06-003", "u99")
    with pytest.raises(ComparisonError, match=r"'more' and 'base' .* different utterances, such as 'u06-003'; run the"):
        pooled_scores(pair(outcomes, "base"))
    with pytest.raises(ComparisonError, match=r"no pooled score for 'loss'; choose uar, wa, macro_f1 or ccc"):
        pooled_scores(pair(outcomes, "base", "loss"))
