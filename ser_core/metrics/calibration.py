"""Calibration: whether the probability of the most likely class is how often that class is right."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric

CALIBRATION_BINS = 15
"""Bins of equal width between confidence 0 and 1 (Guo et al. 2017)."""


@dataclasses.dataclass(frozen=True)
class Bin:
    """The predictions with confidence in one bin: their number, mean confidence, and accuracy."""

    utterances: int
    confidence: float
    accuracy: float


def calibration(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> list[Bin]:
    """Returns the non-empty bins by rising confidence; each of CALIBRATION_BINS is open below and closed above."""
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, bool)
    numbers = np.searchsorted(np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], confidence)
    inside = [numbers == number for number in np.unique(numbers)]
    return [Bin(int(rows.sum()), float(confidence[rows].mean()), float(correct[rows].mean())) for rows in inside]


def ece(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> float:
    """Returns the expected calibration error of the top class, in [0, 1]: mean distance of confidence and accuracy over bins.

    Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv 1706.04599. NaN without utterances. With few utterances per bin it is
    too large, so the value over all test parts together is more informative than the mean over folds.

    >>> round(ece([0.9, 0.9, 0.3, 0.3], [True, True, False, True]), 4)
    0.15
    """
    bins = calibration(confidence, correct)
    total = sum(one.utterances for one in bins)
    return sum(one.utterances * abs(one.accuracy - one.confidence) for one in bins) / total if total else float("nan")


ECE = Metric(
    name="ece",
    heading="ECE",
    meaning="expected calibration error of the emotion head",
    reads="confidences",
    formula=ece,
    less_is_better=True,
)
