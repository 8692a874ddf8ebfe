"""What every table shows beside the models: the majority class, and a linear model on the same features.

The linear model is scikit-learn's logistic regression on standardised means over time of every layer (word counts for
a word channel), trained on training and development part together, since it has nothing to select.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ser_core.contents import write_whole
from ser_core.folds import Fold
from ser_core.inputs import Inputs
from ser_core.metrics import score

Scores = dict[str, dict[str, float]]


def baselines(inputs: Inputs, fold: Fold, place: Path) -> Scores:
    """Test metrics of `majority` and `linear` for one fold; {} when emotions are not predicted.

    `place` is the file that remembers them, since every variant and seed of a study asks for the same.
    """
    if place.exists():
        return json.loads(place.read_text())
    scores = _computed(inputs, fold)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, json.dumps(scores))
    return scores


def _computed(inputs: Inputs, fold: Fold) -> Scores:
    labels = inputs.corpus.column("emotion")
    known = np.concatenate([fold.train, fold.dev])
    known = known[labels[known] != ""]
    if "emotion" not in inputs.targets or len(set(labels[known])) < 2:
        return {}
    names, counts = np.unique(labels[known], return_counts=True)
    majority = np.full(len(fold.test), names[counts.argmax()])
    means = np.concatenate([channel.columns().numpy() for channel in inputs.channels.values()], axis=1).astype(np.float64)
    linear = linear_predictions(means[known], labels[known], means[fold.test])
    return {name: _scored(labels[fold.test], guess) for name, guess in (("majority", majority), ("linear", linear))}


def linear_predictions(known: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes of the rows of `test`, by logistic regression (C = 0.1, balanced) on standardised columns.

    Rotating the columns onto their principal axes changes nothing for an L2 penalty, and leaves no more columns than
    there are rows: seven layers of 512 dimensions fit five times faster.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = LogisticRegression(max_iter=1000, C=0.1, class_weight="balanced")
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), classifier)
    return model.fit(known, labels).predict(test)


def _scored(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return score(pd.DataFrame({"emotion.target": truth, "emotion.predicted": predicted}))
