"""The majority class: the best constant prediction, without any input."""

import numpy as np

from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.baseline import Baseline, Scores, commonest, known, scored
from ser_core.folds import Fold


def scores(inputs: Dataset, fold: Fold) -> Scores:
    """Predicts the most frequent class in training for every test utterance."""
    commonest_class = commonest(inputs.corpus.column("emotion")[known(inputs.corpus, fold)])
    return scored(inputs.corpus, fold, np.full(len(fold.test), commonest_class))


MAJORITY = Baseline("always the commonest class", scores)
