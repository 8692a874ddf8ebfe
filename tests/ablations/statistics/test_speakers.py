"""The test over speakers of a single split: the jackknife against brute force, the crossed test, and its error rate."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.outcomes import with_mean
from ablations.pairing import pair
from ablations.statistics.compare import compare
from ablations.statistics.planted import SPLITS, false_positives
from ablations.statistics.speakers import FEWEST_SPEAKERS, components, contributions, crossed_t, speaker_contributions
from ser_core.evaluation.score import score


@pytest.fixture
def single(spoken, one_outcome):
    """One test part with this many speakers: the folds of `spoken` put together."""

    def build(skill, speakers=10, seeds=2):
        joined, folds = [], spoken(skill, folds=speakers, seeds=seeds)
        for variant in skill:
            for seed in range(seeds):
                parts = [one.test.predictions for one in folds if (one.variant, one.record.seed) == (variant, seed)]
                table = pd.concat(parts, ignore_index=True)
                joined.append(one_outcome(variant, seed, 1, score(table), table))
        return joined

    return build


@pytest.mark.parametrize("metric", ["uar", "wa", "macro_f1", "ccc.valence", "mean_ccc"])
def test_contributions_are_those_of_leaving_speakers_out_by_hand(single, metric):
    outcomes = [with_mean(one, metric) for one in single({"base": 0.4, "more": 0.7})]
    found = speaker_contributions(pair(outcomes, metric=metric))["more"]
    name = "ccc.valence" if metric == "mean_ccc" else metric
    for seed in range(2):
        base, more = (one.test.predictions for one in outcomes if one.record.seed == seed)
        gap = score(more)[name] - score(base)[name]
        speakers = sorted(set(base["speaker"]))
        without = [score(more[more["speaker"] != each])[name] - score(base[base["speaker"] != each])[name] for each in speakers]
        expected = gap + (len(speakers) - 1) * (np.mean(without) - without)
        assert found[seed] == pytest.approx(expected)
        assert found[seed].mean() == pytest.approx(gap)


def test_for_a_mean_over_speakers_it_is_the_t_test_over_speakers(single):
    """Accuracy over speakers of equal size is their mean, so each contribution is the speaker's own difference."""
    outcomes = single({"base": 0.4, "more": 0.5}, seeds=1)
    study = pair(outcomes, metric="wa")
    base, more = (one.test.predictions for one in outcomes)
    right = [(one["emotion.target"] == one["emotion.predicted"]).groupby(one["speaker"]).mean() for one in (base, more)]
    gaps = (right[1] - right[0]).to_numpy()
    assert speaker_contributions(study)["more"][0] == pytest.approx(gaps)
    assert compare(study)["more"].p == pytest.approx(stats.ttest_1samp(gaps, 0)[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(3, 12), st.integers(0, 10**6))
def test_mean_squares_are_those_of_a_crossed_analysis_of_variance(seeds, speakers, seed):
    values = np.random.default_rng(seed).standard_normal((seeds, speakers))
    found, size = components(values), seeds * speakers
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    both = sum((values[s, g] - rows[s] - columns[g] + values.mean()) ** 2 for s in range(seeds) for g in range(speakers)) / (
        (seeds - 1) * (speakers - 1)
    )
    assert found.speaker * size == pytest.approx(seeds * columns.var(ddof=1))
    assert found.seed * size == pytest.approx(max(0, speakers * rows.var(ddof=1) - both))
    assert seeds - 1 <= found.freedom <= speakers - 1 or found.freedom == speakers - 1


def test_seeds_that_disagree_take_a_verdict_back():
    random = np.random.default_rng(0)
    speakers = 0.02 + 0.01 * random.standard_normal((1, 20))
    apart = speakers + np.array([[0.03], [-0.03]])
    assert crossed_t(speakers).p < 0.001 < 0.2 < crossed_t(apart).p


@pytest.mark.parametrize("name", list(SPLITS))
def test_it_errs_in_3_to_7_per_cent(name):
    seeds = 3 if "seeds alone" in name else 1
    runs = 2000 if "seeds alone" in name else 400
    assert (
        0.02 <= false_positives(name, 20, seeds, runs) <= 0.09
        if runs == 400
        else 0.03 <= false_positives(name, 20, seeds, runs) <= 0.07
    )


def test_one_seed_cannot_see_the_noise_of_seeds():
    assert false_positives("one configuration twice: seeds alone", 20, 1, 2000) > 0.1


def test_a_single_split_has_a_verdict_over_speakers(single):
    found = compare(pair(single({"base": 0.3, "more": 0.8}, seeds=4)))["more"]
    assert found.verdict.startswith("different: better by ") and found.speakers == 10
    assert found.noise.shared >= 0 and math.isfinite(found.detectable.value)
    one_seed = compare(pair(single({"base": 0.4, "more": 0.3}, seeds=1)))["more"]
    assert "one seed does not show what another training run would change" in one_seed.verdict
    assert "10 test speakers x 1 seed find a true difference of " in one_seed.verdict


def test_two_seeds_that_disagree_ask_for_more(single):
    found = compare(pair(single({"base": 0.3, "more": 0.8}, seeds=2)))["more"]
    assert found.noise.freedom < 4
    assert "the seeds disagree, and so few hardly show by how much: train more seeds" in found.verdict
    assert found.verdict.endswith("10 test speakers x 2 seeds are too few to find any difference 80 times in 100")


def test_too_few_speakers_are_not_tested(single):
    found = compare(pair(single({"base": 0.3, "more": 0.8}, speakers=4)))["more"]
    assert found.verdict.startswith("no test: better by ")
    assert found.verdict.endswith(f"on a single test part with 4 test speakers; a test over speakers needs {FEWEST_SPEAKERS}")
    assert math.isnan(found.p)


def test_without_predictions_or_sums_per_speaker_there_is_no_test(single):
    outcomes = single({"base": 0.3, "more": 0.8})
    assert speaker_contributions(pair(outcomes, metric="mae.valence")) == {}
    bare = [
        dataclasses.replace(one, test=dataclasses.replace(one.test, predictions=one.test.predictions[["utterance", "speaker"]]))
        for one in outcomes
    ]
    assert speaker_contributions(pair(bare)) == {}
    assert contributions(np.ones((1, 4))).tolist() == [[1, 1, 1]]
