"""The agreement of annotators, against drawing one annotator at a time."""

import numpy as np
import pytest

from ser_core.evaluation.baselines.annotator import agreement, counts


def test_it_is_what_drawing_an_annotator_gives():
    random, classes = np.random.default_rng(0), ["a", "b", "c"]
    votes = random.multinomial(5, [0.5, 0.3, 0.2], size=30)
    confusions = np.zeros((3, 3))
    for each in votes:
        ballots = np.repeat(np.arange(3), each)
        for place, choice in enumerate(ballots):
            others = np.bincount(np.delete(ballots, place), minlength=3)
            for best in np.flatnonzero(others == others.max()):
                confusions[best, choice] += 1 / len(ballots) / (others == others.max()).sum()
    recalls = np.diag(confusions) / confusions.sum(axis=1)
    found = agreement(votes, classes)
    assert found["uar"] == pytest.approx(recalls.mean()) and found["wa"] == pytest.approx(np.trace(confusions) / 30)
    assert [found[f"recall.{name}"] for name in classes] == pytest.approx(recalls)


@pytest.mark.parametrize("votes", [[3, 1, 0], [1, 0, 0], [2, 2, 1], [7, 2, 1]])
def test_counts_come_back_from_shares(votes):
    assert counts(np.array(votes) / sum(votes)).tolist() == votes


def test_unanimous_annotators_agree():
    assert agreement(np.array([[4, 0], [0, 1]]), ["a", "b"])["uar"] == 1.0
    assert agreement(np.empty((0, 2)), ["a", "b"]) == {}
