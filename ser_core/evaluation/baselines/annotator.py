"""The agreement ceiling: one annotator against the majority of the others, expected over all annotators of an utterance.

votes 2 a, 1 b --leave each vote out--> the others' majority (ties count in parts) --count--> confusions --> UAR, WA
A model that predicts the majority better than a single annotator does has learned what annotators share. The corpus keeps shares
of votes, so counts are the smallest that give these shares: with few votes, leaving one out then weighs as much as it can.
"""

import math

import numpy as np

from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.baseline import Baseline, Scores
from ser_core.folds import Fold

MOST_VOTES = 60
"""Largest number of votes per utterance that is tried."""


def scores(dataset: Dataset, fold: Fold) -> Scores:
    """Returns the expected scores over the labelled test utterances with votes; {} if the corpus has no votes."""
    corpus = dataset.corpus
    if corpus.votes is None:
        return {}
    rows = fold.test[corpus.column("emotion")[fold.test] != ""]
    shares = corpus.votes[rows]
    return agreement(np.array([counts(one) for one in shares if np.isfinite(one).all()]), list(corpus.classes))


def counts(shares: np.ndarray) -> np.ndarray:
    """Returns the smallest numbers of votes with these shares [classes].

    >>> counts(np.array([0.5, 0.25, 0.25])).tolist(), counts(np.array([1.0, 0.0, 0.0])).tolist()
    ([2, 1, 1], [1, 0, 0])
    """
    for votes in range(1, MOST_VOTES + 1):
        found = shares * votes
        if abs(found - found.round()).max() < 1e-3 * votes:
            return found.round().astype(int)
    return (shares * MOST_VOTES).round().astype(int)


def agreement(votes: np.ndarray, classes: list[str]) -> Scores:
    """Returns UAR, WA and recalls of one annotator against the majority of the others, from counts [utterances classes].

    A unanimous utterance counts as agreement, also with a single vote, since its number of annotators is unknown.

    >>> found = agreement(np.array([[1, 0], [2, 1], [0, 1]]), ["a", "b"])
    >>> round(found["uar"], 3), round(found["wa"], 3)
    (0.775, 0.778)
    """
    confusions = np.zeros((len(classes), len(classes)))
    for each in votes:
        total = each.sum()
        for choice in np.flatnonzero(each):
            others = each - (np.arange(len(classes)) == choice)
            others = others if others.any() else each
            best = others == others.max()
            confusions[best, choice] += each[choice] / total / best.sum()
    present = confusions.sum(axis=1) > 0
    if not present.any():
        return {}
    recalls = confusions.diagonal()[present] / confusions.sum(axis=1)[present]
    named = {f"recall.{name}": float(share) for name, share in zip(np.array(classes)[present], recalls, strict=True)}
    return {"uar": float(recalls.mean()), "wa": float(confusions.trace() / math.fsum(confusions.ravel())), **named}


ANNOTATOR = Baseline("one annotator against the majority of the others (expected, from the votes)", scores)
