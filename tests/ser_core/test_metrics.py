"""Metrics against scikit-learn and against the formula written out."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from ser_core.metrics import ccc, score, uar, wa

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


def test_nothing_to_score_is_nan() -> None:
    assert math.isnan(uar([], [])) and math.isnan(wa([], [])) and math.isnan(ccc([1.0], [1.0]))


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
    assert score(table) == pytest.approx(
        {"uar": 0.75, "wa": 2 / 3, "gender.uar": 0.5, "gender.wa": 2 / 3, "ccc.valence": ccc([1, 2, 4], [1.5, 2, 3])}
    )
    assert score(table[["utterance"]]) == {}
