"""Trained models on corpora that they did not see: paired differences, against an independent bootstrap."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from ablations.pairing import ComparisonError
from ablations.report.transfer import compare_transfer, transfer_section, transfer_to_csv
from ablations.statistics.pooled_scores import speaker_difference


def predictions(seed: int, right: float, speakers: int = 12, each: int = 20) -> pd.DataFrame:
    """Balanced two-class answers, right with a probability that depends on the speaker."""
    draw = np.random.default_rng(seed)
    skill = np.repeat(np.clip(draw.normal(right, 0.05, speakers), 0, 1), each)
    truth = np.tile(["a", "b"], speakers * each // 2)
    other = np.where(truth == "a", "b", "a")
    names = [f"u{number:04}" for number in range(len(truth))]
    whose = [f"s{number:02}" for number in np.repeat(np.arange(speakers), each)]
    found = np.where(draw.random(len(truth)) < skill, truth, other)
    return pd.DataFrame({"utterance": names, "speaker": whose, "emotion.target": truth, "emotion.predicted": found})


def test_differences_are_paired_over_speakers_and_corrected_after_holm():
    good, bad = predictions(1, 0.8), predictions(2, 0.6)
    found = compare_transfer({"x to y": {"bad": bad, "good": good}, "y to x": {"bad": bad, "good": bad}}, "uar")
    gap = found.differences["x to y"]["good"]
    right = [(one["emotion.target"] == one["emotion.predicted"]).groupby(one["speaker"]).mean() for one in (good, bad)]
    each = (right[0] - right[1]).to_numpy()  # balanced speakers: UAR is close to the mean over speakers
    assert gap.value == pytest.approx(each.mean())
    half = (gap.high - gap.low) / 2
    assert half == pytest.approx(2.201 * each.std(ddof=1) / np.sqrt(len(each)), rel=0.1)
    assert found.p["x to y"]["good"] < 0.01 and found.p["y to x"]["good"] == 1
    assert found.ranks.means == {"good": 1.25, "bad": 1.75}
    section = transfer_section(found)
    assert [row[:2] for row in section.rows[:2]] == [("x to y", "bad"), ("x to y", "good")]
    assert section.columns[3] == "difference from bad"
    rows = transfer_to_csv(found).splitlines()
    assert len(rows) == 5 and rows[0].startswith("corpora,variant,metric,value")


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"x to y": {"one": predictions(1, 0.8)}}, "name them apart"),
        ({"x to y": {"one": predictions(1, 0.8), "two": predictions(1, 0.8).iloc[1:]}}, "different utterances, such as 'u0000'"),
        (
            {"x to y": dict.fromkeys(("one", "two"), predictions(1, 0.8)), "y to x": {"one": predictions(1, 0.8)}},
            "does not have the same variants",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(tables, sentence):
    with pytest.raises(ComparisonError, match=sentence):
        compare_transfer(tables, "uar")


def test_the_p_of_a_difference_does_not_depend_on_where_its_interval_is_cut():
    """Few speakers of very different skill: the interval reaches beyond the scale, and t is still value over error."""
    odd = predictions(3, 0.5, speakers=2)
    odd["emotion.predicted"] = np.where(odd["speaker"] == "s00", odd["emotion.target"], odd["emotion.predicted"])
    other = predictions(4, 0.3, speakers=2)
    found = compare_transfer({"x to y": {"one": other, "two": odd}}, "uar")
    raw, cut = speaker_difference(odd, other, "uar"), found.differences["x to y"]["two"]
    assert raw.high > 1 and cut.high == 1
    t = raw.value / ((raw.high - raw.low) / 2 / 12.7062)
    assert found.p["x to y"]["two"] == pytest.approx(2 * scipy.stats.t.sf(abs(t), 1), rel=1e-4)
