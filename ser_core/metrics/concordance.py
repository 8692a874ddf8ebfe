"""Concordance correlation (CCC), the metric of dimensions such as valence, and its mean over dimensions."""

from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric
from ser_core.metrics.sums import divide


def ccc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Returns the agreement of two ratings in [-1, 1] (Lin 1989): 1 only on the diagonal; NaN with fewer than two utterances.

    >>> round(ccc([1, 2, 3], [1, 2, 4]), 4)
    0.8571
    """
    import audmetric

    if len(truth) < 2:
        return float("nan")
    return float(audmetric.concordance_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def ccc_of_moments(totals: np.ndarray) -> np.ndarray:
    """Returns CCC [draws] from totals of `moments` [draws 6]."""
    count = totals[:, 0]
    truth, guess, truth2, guess2, both = (divide(totals[:, column], count) for column in range(1, 6))
    spread = (truth2 - truth**2) + (guess2 - guess**2) + (truth - guess) ** 2
    return divide(2 * (both - truth * guess), np.where(spread > 1e-15, spread, 0))


CCC = Metric(
    name="ccc",
    heading="CCC",
    meaning="concordance correlation",
    reads="ratings",
    formula=ccc,
    vectorised=ccc_of_moments,
    percent=False,
    bounds=(-1.0, 1.0),
    column=True,
    headings={"valence": "V", "arousal": "A", "dominance": "D"},
)
MEAN_CCC = Metric(
    name="mean_ccc",
    heading="mean CCC",
    meaning="mean of CCC over dimensions",
    reads="scores",
    mean_of="ccc",
    percent=False,
    bounds=(-1.0, 1.0),
)
