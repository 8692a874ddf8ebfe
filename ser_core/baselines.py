"""What every table shows beside the models: the majority class, and a linear model on the same features.

The linear model is scikit-learn's logistic regression on standardised means over time of every layer (word counts for
a word channel), trained on training and development part together, since it has nothing to select.
"""

import numpy as np
import pandas as pd

from ser_core.folds import Fold
from ser_core.inputs import Inputs
from ser_core.metrics import score


def baselines(inputs: Inputs, fold: Fold) -> dict[str, dict[str, float]]:
    """Test metrics of `majority` and `linear` for one fold; {} when emotions are not predicted."""
    labels = inputs.corpus.table["emotion"].to_numpy(str)
    known = np.concatenate([fold.train, fold.dev])
    known = known[labels[known] != ""]
    if "emotion" not in inputs.targets or len(set(labels[known])) < 2:
        return {}
    names, counts = np.unique(labels[known], return_counts=True)
    majority = np.full(len(fold.test), names[counts.argmax()])
    linear = _linear(np.concatenate([c.means.numpy() for c in inputs.channels.values()], axis=1), labels, known, fold.test)
    return {name: _scored(labels[fold.test], guess) for name, guess in (("majority", majority), ("linear", linear))}


def _linear(means: np.ndarray, labels: np.ndarray, known: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, C=0.1, class_weight="balanced"))
    model.fit(means[known].astype(np.float64), labels[known])
    return model.predict(means[test].astype(np.float64))


def _scored(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return score(pd.DataFrame({"emotion.target": truth, "emotion.predicted": predicted}))
