"""Metrics against scikit-learn and against the formula written out."""

import itertools
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, mean_absolute_error, recall_score

from ser_core.evaluation.score import columns_of, headline, headline_scores, score
from ser_core.metrics import METRICS, find_metric, less_is_better
from ser_core.metrics.accuracy import wa
from ser_core.metrics.calibration import CALIBRATION_BINS, calibration, ece
from ser_core.metrics.concordance import ccc
from ser_core.metrics.f1 import macro_f1
from ser_core.metrics.ratings import mae, pcc
from ser_core.metrics.recall import recalls, uar
from ser_core.metrics.sums import confusion_counts, moments

CONFIDENCES = st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=80)
LABELS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=60)
RATINGS = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=40)


@given(LABELS)
def test_uar_is_balanced_accuracy_and_wa_is_accuracy(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = map(list, zip(*pairs, strict=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        assert uar(truth, predicted) == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert wa(truth, predicted) == pytest.approx(accuracy_score(truth, predicted))


def test_a_class_absent_from_the_truth_counts_as_a_miss_and_no_more() -> None:
    assert uar(["a", "a", "b", "b"], ["a", "c", "b", "c"]) == 0.5


@given(RATINGS)
def test_ccc_is_lins_formula(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs, float).T
    spread = truth.var() + predicted.var() + (truth.mean() - predicted.mean()) ** 2
    if spread == 0:
        return
    expected = 2 * ((truth - truth.mean()) * (predicted - predicted.mean())).mean() / spread
    assert ccc(truth, predicted) == pytest.approx(expected, abs=1e-9)
    assert ccc(predicted, truth) == pytest.approx(expected, abs=1e-9)


@given(LABELS)
def test_macro_f1_and_recalls_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = map(list, zip(*pairs, strict=True))
    present = sorted(set(truth))
    expected = f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    assert macro_f1(truth, predicted) == pytest.approx(expected)
    each = recall_score(truth, predicted, labels=present, average=None)
    assert recalls(truth, predicted) == pytest.approx(dict(zip(present, each, strict=True)))
    assert np.mean(list(recalls(truth, predicted).values())) == pytest.approx(uar(truth, predicted))


@given(RATINGS)
def test_pcc_and_mae_are_those_of_scipy_and_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs, float).T
    assert mae(truth, predicted) == pytest.approx(mean_absolute_error(truth, predicted)) == mae(predicted, truth)
    if len(set(truth)) < 2 or len(set(predicted)) < 2:
        assert math.isnan(pcc(truth, predicted))
        return
    found = pcc(truth, predicted)
    assert found == pytest.approx(pearsonr(truth, predicted)[0], abs=1e-9)
    assert pcc(3 * truth - 7, predicted) == pytest.approx(found, abs=1e-9)
    assert abs(ccc(truth, predicted)) <= abs(found) + 1e-9


@given(CONFIDENCES)
def test_ece_is_the_distance_of_scikit_learns_calibration_curve_from_the_diagonal(pairs: list[tuple[int, bool]]) -> None:
    confidence, correct = np.array([one / 60 for one, _ in pairs]), np.array([right for _, right in pairs])
    accuracy, sure = calibration_curve(correct, confidence, n_bins=CALIBRATION_BINS, strategy="uniform")
    bins = calibration(confidence, correct)
    assert [one.accuracy for one in bins] == pytest.approx(accuracy)
    assert [one.confidence for one in bins] == pytest.approx(sure)
    shares = np.array([one.utterances for one in bins]) / len(pairs)
    assert shares.sum() == pytest.approx(1)
    assert ece(confidence, correct) == pytest.approx((shares * np.abs(accuracy - sure)).sum())


def test_ece_of_the_sure_and_wrong_is_one_and_of_the_honest_is_zero() -> None:
    assert ece([1.0] * 4, [False] * 4) == 1 and ece([1.0] * 4, [True] * 4) == 0
    assert ece([0.5] * 4, [True, False, True, False]) == 0


@given(LABELS, st.randoms())
def test_scores_are_bounded_and_know_no_order(pairs: list[tuple[str, str]], random) -> None:
    numbers = np.random.default_rng(len(pairs))
    table = spoken(pairs, numbers)
    scores = score(table)
    for name, value in scores.items():
        low, high = find_metric(name).bounds
        high = 2 if name == "mean_ccc.gap" else high
        assert math.isnan(value) or low - 1e-9 <= value <= high + 1e-9, name
    order = random.sample(range(len(table)), len(table))
    shuffled = score(table.iloc[order])
    assert shuffled == pytest.approx(scores, nan_ok=True, abs=1e-9)


@given(LABELS)
def test_what_early_stopping_maximises_does_not_hear_of_the_details(pairs: list[tuple[str, str]]) -> None:
    table = spoken(pairs, np.random.default_rng(len(pairs)))
    alone, all_of_them = headline_scores(table), score(table)
    assert headline(all_of_them) == headline(alone)
    assert {name.partition(".")[0] for name in alone} <= {"uar", "ccc", "gender"}
    assert {name: all_of_them[name] for name in alone} == pytest.approx(alone, nan_ok=True, rel=0, abs=0)


def spoken(pairs: list[tuple[str, str]], numbers: np.random.Generator) -> pd.DataFrame:
    """A table of predictions with these classes, every other column drawn."""
    truth, predicted = zip(*pairs, strict=True)
    likely = numbers.dirichlet(np.ones(5), len(pairs))
    return pd.DataFrame(
        {
            "gender": numbers.choice(["female", "male", ""], len(pairs)),
            "emotion.target": truth,
            "emotion.predicted": predicted,
            **{f"emotion.p.{name}": likely[:, index] for index, name in enumerate("abcde")},
            **{
                f"dimensions.{name}.{part}": numbers.uniform(1, 5, len(pairs))
                for name in ("valence", "arousal")
                for part in ("target", "predicted")
            },
        }
    )


def test_the_gap_is_between_women_and_men_and_needs_both() -> None:
    table = pd.DataFrame(
        {
            "gender": ["female", "female", "male", "male", "", "male"],
            "emotion.target": ["a", "b", "a", "b", "b", ""],
            "emotion.predicted": ["a", "b", "a", "a", "a", "a"],
        }
    )
    scores = score(table)
    assert (scores["uar.female"], scores["uar.male"], scores["uar.gap"]) == (1, 0.5, 0.5)
    assert not {name for name in score(table[table["gender"] == "female"]) if name.startswith("uar.")}
    for name, sign in (("valence", 1), ("arousal", -1)):
        table[f"dimensions.{name}.target"] = [1.0, 2, 1, 2, 9, 9]
        table[f"dimensions.{name}.predicted"] = [1.0, 2, *((1, 2) if sign > 0 else (2, 1)), 0, 0]
    scores = score(table.drop(index=5))
    assert (scores["mean_ccc.female"], scores["mean_ccc.male"], scores["mean_ccc.gap"]) == (1, 0, 1)


def test_a_name_stands_for_one_metric() -> None:
    names = [[key, one.heading, *one.aliases] for key, one in METRICS.items()]
    for mine, theirs in itertools.combinations(names, 2):
        assert not {name.lower() for name in mine} & {name.lower() for name in theirs}
    assert "UA" in METRICS["uar"].aliases and "balanced accuracy" in METRICS["uar"].aliases
    assert "weighted accuracy" in METRICS["wa"].aliases


def test_every_score_has_a_term_and_errors_are_better_small() -> None:
    table = spoken([("a", "b")] * 30 + [("b", "b")] * 30, np.random.default_rng(0))
    votes = {name.replace(".p.", ".v."): 0.5 for name in table if ".p." in name}
    found = score(table.assign(**votes, **{"transcript.target": "so it is", "transcript.predicted": "so is"}))
    assert {find_metric(name).name for name in found} == set(METRICS)
    errors = {"ece", "mae.valence", "mae.arousal", "uar.gap", "mean_ccc.gap", "transcript.cer", "vote_kl", "vote_js", "vote_ece"}
    assert {name for name in found if less_is_better(name)} == errors
    assert found["transcript.cer"] == 3 / 8


def test_a_score_that_is_undefined_survives_storage() -> None:
    table = spoken([("a", "b")] * 4, np.random.default_rng(0)).assign(**{"dimensions.valence.predicted": 3.0})
    scores = score(table)
    assert math.isnan(scores["pcc.valence"])
    assert json.loads(json.dumps(scores)) == pytest.approx(scores, nan_ok=True, rel=0, abs=0)


def test_nothing_to_score_is_nan() -> None:
    assert all(math.isnan(metric([], [])) for metric in (uar, wa, macro_f1, mae, ece))
    assert math.isnan(ccc([1.0], [1.0])) and math.isnan(pcc([1.0], [1.0])) and recalls([], []) == {}


def test_a_table_is_scored_by_its_columns_without_the_unlabelled() -> None:
    table = pd.DataFrame(
        {
            "utterance": list("wxyz"),
            "emotion.target": ["a", "b", "", "b"],
            "emotion.predicted": ["a", "a", "a", "b"],
            "gender.target": ["f", "m", "f", ""],
            "gender.predicted": ["f", "f", "f", "f"],
            "dimensions.valence.target": [1.0, 2.0, math.nan, 4.0],
            "dimensions.valence.predicted": [1.5, 2.0, 9.0, 3.0],
        }
    )
    main = {"uar": 0.75, "wa": 2 / 3, "gender.uar": 0.5, "gender.wa": 2 / 3, "ccc.valence": ccc([1, 2, 4], [1.5, 2, 3])}
    details = {
        "macro_f1": 2 / 3,
        "recall.a": 1.0,
        "recall.b": 0.5,
        "pcc.valence": pcc([1, 2, 4], [1.5, 2, 3]),
        "mae.valence": 0.5,
    }
    assert headline_scores(table) == pytest.approx({name: main[name] for name in ("uar", "gender.uar", "ccc.valence")})
    found = score(table)
    assert {name: found.get(name) for name in main | details} == pytest.approx(main | details)
    assert score(table[["utterance"]]) == {}


def test_the_vectorised_formulas_are_the_formulas() -> None:
    """One redraw that takes every speaker once is the part itself, for every metric that can be redrawn."""
    numbers = np.random.default_rng(4)
    speaker, truth = numbers.integers(0, 4, 60), numbers.integers(0, 3, 60)
    predicted = np.where(numbers.random(60) < 0.6, truth, numbers.integers(0, 4, 60))
    for metric in METRICS.values():
        if metric.vectorised is None or metric.formula is None:
            continue
        if metric.reads == "classes":
            one, other = (np.array(list("abcd"))[side] for side in (truth, predicted))
            sums = confusion_counts(one, other, speaker, 4)
        else:
            one, other = truth + numbers.normal(size=60), predicted + numbers.normal(size=60)
            sums = moments(one, other, speaker, 4)
        assert metric.vectorised(sums.sum(axis=0)[None])[0] == pytest.approx(metric.formula(one, other))


def test_a_score_names_the_columns_it_reads() -> None:
    table = spoken([("a", "b")] * 6 + [("b", "b")] * 6, np.random.default_rng(0))
    for name in score(table):
        if find_metric(name).vectorised and not name.startswith("uar."):
            assert f"{columns_of(name)[0]}.target" in table
    with pytest.raises(KeyError):
        columns_of("loss")
