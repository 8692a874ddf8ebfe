"""Soft-label metrics against scipy, and their limits."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from ser_core.evaluation.score import score
from ser_core.metrics.prediction_columns import vote_columns
from ser_core.metrics.votes import vote_ece, vote_js, vote_kl


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 10**6))
def test_divergences_are_those_of_scipy(utterances, classes, seed):
    votes, likely = np.random.default_rng(seed).dirichlet(np.ones(classes), (2, utterances))
    assert vote_kl(votes, likely) == pytest.approx(entropy(votes, likely, axis=1).mean())
    assert vote_js(votes, likely) == pytest.approx((jensenshannon(votes, likely, axis=1, base=2) ** 2).mean())
    assert vote_js(votes, likely) == pytest.approx(vote_js(likely, votes)) and vote_kl(votes, votes) == pytest.approx(
        0, abs=1e-12
    )
    assert vote_ece(votes, votes) == pytest.approx(0, abs=1e-12)


def test_a_class_with_votes_and_no_probability_is_far_and_finite():
    assert 20 < vote_kl(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) < 30
    assert math.isnan(vote_kl(np.empty((0, 2)), np.empty((0, 2))))


def test_predictions_with_votes_have_the_scores_and_others_have_none():
    likely = pd.DataFrame({"emotion.p.a": [0.7, 0.2, 0.5], "emotion.p.b": [0.3, 0.8, 0.5]})
    table = pd.DataFrame({"emotion.target": ["a", "b", "a"], "emotion.predicted": ["a", "b", "a"]}).join(likely)
    votes = np.array([[0.5, 0.5], [0.25, 0.75], [np.nan, np.nan]])
    found = score(table.join(vote_columns(["a", "b"], votes)))
    assert found["vote_kl"] == pytest.approx(entropy(votes[:2], likely.to_numpy()[:2], axis=1).mean())
    assert found["vote_ece"] == pytest.approx((abs(0.7 - 0.5) + abs(0.8 - 0.75)) / 2)
    assert not any(name.startswith("vote") for name in score(table))
