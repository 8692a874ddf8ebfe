"""Two further comparisons of ratings: Pearson correlation and mean absolute error."""

import math
from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric


def pcc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Returns Pearson's correlation in [-1, 1], which ignores scale and offset; NaN if either side does not vary.

    >>> pcc([1, 2, 3], [10, 20, 30])
    1.0
    """
    import audmetric

    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(audmetric.pearson_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def mae(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Returns the mean absolute error in the unit of the ratings, at least 0; NaN without utterances.

    >>> mae([1, 2, 3], [1, 2, 4.5])
    0.5
    """
    import audmetric

    return float(audmetric.mean_absolute_error(list(truth), list(predicted))) if len(truth) else float("nan")


PCC = Metric(
    name="pcc",
    heading="PCC",
    meaning="Pearson correlation",
    reads="ratings",
    formula=pcc,
    aliases=("Pearson's r",),
    percent=False,
    bounds=(-1.0, 1.0),
)
MAE = Metric(
    name="mae",
    heading="MAE",
    meaning="mean absolute error in the corpus's own scale",
    reads="ratings",
    formula=mae,
    percent=False,
    less_is_better=True,
    bounds=(0.0, math.inf),
)
