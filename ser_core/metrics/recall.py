"""Recall of each class, and UAR, their mean: the metric by which most papers on emotion categories rank models."""

from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric
from ser_core.metrics.prediction_columns import class_places
from ser_core.metrics.sums import divide


def recalls(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> dict[str, float]:
    """Returns the recall of each class in the truth, in order of name. A class that is only predicted has none.

    >>> recalls(["a", "a", "b"], ["a", "c", "b"])
    {'a': 0.5, 'b': 1.0}
    """
    import audmetric

    if not len(truth):
        return {}
    classes, target, answer = class_places(truth, predicted)
    found = audmetric.recall_per_class(target, answer, range(len(classes)))
    return {classes[place]: found[place] for place in np.unique(target)}


def uar(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns the mean recall over the classes present in `truth`; in [0, 1], NaN without utterances.

    >>> uar(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.3333333333333333
    >>> uar(["b", "b"], ["b", "c"])
    0.5
    """
    return float(np.mean(list(recalls(truth, predicted).values()))) if len(truth) else float("nan")


def uar_of_counts(counts: np.ndarray) -> np.ndarray:
    """Returns UAR [draws] from confusion counts [draws true predicted]."""
    found, present = counts.diagonal(axis1=1, axis2=2), counts.sum(axis=2)
    return divide(divide(found, present, 0).sum(axis=1), (present > 0).sum(axis=1))


UAR = Metric(
    name="uar",
    heading="UAR",
    meaning="unweighted average recall",
    reads="classes",
    formula=uar,
    vectorised=uar_of_counts,
    aliases=("UA", "balanced accuracy"),
    column=True,
    helpers=True,
)
RECALL = Metric(name="recall", heading="recall", meaning="share of a class that is found", reads="classes", formula=recalls)
