"""The class oracle: the score of predicting the dimensions of an utterance from its true emotion alone.

It sees the true class of every test utterance and predicts the mean rating of that class in training. On IEMOCAP's
four classes it reaches a CCC of .80 in valence (.48 arousal, .39 dominance; leave one session out, computed on the 5531
utterances). There, valence is mostly class identity, and a model below this line may have learned nothing else.
"""

import numpy as np
import pandas as pd

from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.baseline import Baseline, Scores, known
from ser_core.evaluation.score import score
from ser_core.folds import Fold


def scores(dataset: Dataset, fold: Fold) -> Scores:
    """Returns CCC, PCC and MAE per dimension; {} if the corpus rates none."""
    corpus, labels = dataset.corpus, dataset.corpus.column("emotion")
    rows, columns = known(dataset.corpus, fold), {}
    for dimension in corpus.dimensions:
        ratings, name = corpus.column(dimension.name), f"dimensions.{dimension.name}"
        guess = class_means(labels[rows], ratings[rows], labels[fold.test])
        columns[f"{name}.target"] = np.where(np.isnan(guess), np.nan, ratings[fold.test])
        columns[f"{name}.predicted"] = guess
    return score(pd.DataFrame(columns))


def class_means(labels: np.ndarray, ratings: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the mean rating of each requested class; NaN, to be left out, for a class without ratings.

    >>> class_means(np.array(["a", "a", "b"]), np.array([1.0, 3.0, np.nan]), np.array(["a", "b", ""])).tolist()
    [2.0, nan, nan]
    """
    rated = ~np.isnan(ratings)
    means = {name: ratings[rated & (labels == name)].mean() for name in np.unique(labels[rated]).tolist()}
    return np.array([means.get(name, np.nan) for name in asked.tolist()], float)


CLASS_ORACLE = Baseline("the mean training rating of each utterance's true class, which it sees", scores)
