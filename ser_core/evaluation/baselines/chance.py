"""Chance: the expected score of guessing each class as often as it occurs in training.

The expectation is exact and in closed form, because a random draw would add noise to a line that shows what luck alone
achieves. A guess is independent of the truth, so a class of share p is found with probability p for every utterance. For F1,
M n / N of M guesses of a class (binomial) are right on average, if n of N utterances have the class.
"""

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.baseline import Baseline, Scores, known
from ser_core.folds import Fold


def scores(dataset: Dataset, fold: Fold) -> Scores:
    """Returns the expected metrics on the labelled utterances of the test part."""
    labels = dataset.corpus.column("emotion")
    names, counts = np.unique(labels[known(dataset.corpus, fold)], return_counts=True)
    truth = labels[fold.test]
    return expected(truth[truth != ""], dict(zip(names.tolist(), (counts / counts.sum()).tolist(), strict=True)))


def expected(truth: np.ndarray, shares: dict[str, float]) -> Scores:
    """Returns expected UAR, WA, macro-F1 and recalls of guesses with these probabilities; {} without utterances.

    >>> found = expected(np.array(["a", "a", "a", "b"]), {"a": 0.5, "b": 0.5})
    >>> found["uar"], found["wa"], round(found["macro_f1"], 4)
    (0.5, 0.5, 0.433)
    """
    names, counts = np.unique(truth, return_counts=True)
    if not len(names):
        return {}
    found = np.array([shares.get(name, 0.0) for name in names.tolist()])
    f1 = [_expected_f1(int(count), len(truth), share) for count, share in zip(counts, found, strict=True)]
    recalls = {f"recall.{name}": float(share) for name, share in zip(names, found, strict=True)}
    return {"uar": float(found.mean()), "wa": float(found @ counts / len(truth)), "macro_f1": float(np.mean(f1)), **recalls}


def _expected_f1(count: int, total: int, share: float) -> float:
    """Returns the F1 of a class with `count` of `total` utterances, over all numbers of guesses of it."""
    guesses = np.arange(total + 1)
    ways = gammaln(total + 1) - gammaln(guesses + 1) - gammaln(total - guesses + 1)
    probability = np.exp(ways + xlogy(guesses, share) + xlog1py(total - guesses, -share))
    return float(probability @ (2 * guesses * count / total / (count + guesses)))


CHANCE = Baseline("the expected score of guessing each class as often as it occurs in training", scores)
