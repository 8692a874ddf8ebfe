"""Accuracy, which the field calls weighted accuracy (WA)."""

from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric
from ser_core.metrics.prediction_columns import class_places
from ser_core.metrics.sums import divide


def wa(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns the share of correct utterances; in [0, 1], NaN without utterances.

    >>> wa(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.5
    """
    import audmetric

    if not len(truth):
        return float("nan")
    classes, target, answer = class_places(truth, predicted)
    return float(audmetric.accuracy(target, answer, range(len(classes))))


def wa_of_counts(counts: np.ndarray) -> np.ndarray:
    """Returns accuracy [draws] from confusion counts [draws true predicted]."""
    found, present = counts.diagonal(axis1=1, axis2=2), counts.sum(axis=2)
    return divide(found.sum(axis=1), present.sum(axis=1))


WA = Metric(
    name="wa",
    heading="WA",
    meaning="accuracy",
    reads="classes",
    formula=wa,
    vectorised=wa_of_counts,
    aliases=("weighted accuracy",),
    column=True,
    helpers=True,
)
