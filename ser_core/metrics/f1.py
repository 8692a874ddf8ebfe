"""Macro-F1: the mean over classes of the harmonic mean of recall and precision."""

from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric
from ser_core.metrics.prediction_columns import class_places
from ser_core.metrics.sums import divide


def macro_f1(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns the mean F1 over the classes present in `truth`; in [0, 1], NaN without utterances.

    As with UAR, a class that is only predicted counts against the true class and not as a class itself. Otherwise a
    single stray prediction in a small test part would add a zero to the mean.

    >>> round(macro_f1(["a", "a", "a", "b"], ["a", "a", "b", "c"]), 4)
    0.4
    """
    import audmetric

    if not len(truth):
        return float("nan")
    classes, target, answer = class_places(truth, predicted)
    scores = audmetric.fscore_per_class(target, answer, range(len(classes)))
    return float(np.mean([scores[place] for place in np.unique(target)]))


def macro_f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """Returns macro-F1 [draws] from confusion counts [draws true predicted]."""
    found, present = counts.diagonal(axis1=1, axis2=2), counts.sum(axis=2)
    shares = divide(2 * found, present + counts.sum(axis=1), 0)
    return divide(shares.sum(axis=1), (present > 0).sum(axis=1))


MACRO_F1 = Metric(
    name="macro_f1",
    heading="macro-F1",
    meaning="mean F1 over classes",
    reads="classes",
    formula=macro_f1,
    vectorised=macro_f1_of_counts,
    aliases=("UAF",),
    column=True,
)
