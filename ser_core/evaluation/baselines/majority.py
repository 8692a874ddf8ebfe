"""The majority class: the best constant prediction, without any input."""

import numpy as np

from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.baseline import Baseline, Scores, commonest, known, scored
from ser_core.folds import Fold


def scores(dataset: Dataset, fold: Fold) -> Scores:
    """Predicts the most frequent class in training for every test utterance."""
    commonest_class = commonest(dataset.corpus.column("emotion")[known(dataset.corpus, fold)])
    return scored(dataset.corpus, fold, np.full(len(fold.test), commonest_class))


MAJORITY = Baseline("always the commonest class", scores)
