"""What a model says about one utterance, and what to do with the answers of several members.

member 1: p(class) --\\                                     mean --calibrated by temperature--> probabilities --> emotion
member 2: p(class) ---+-- members                          standard deviation of p(emotion) over members --> spread
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Emotion of one utterance or window. Fields of tasks that the model does not have are empty."""

    emotion: str = ""
    probabilities: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """By class, calibrated; they sum to 1."""
    dimensions: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """By name, in the unit of the corpus that the model learned from (its model.json has the scale)."""
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Answers of helper tasks: gender, style, transcript."""
    uncertainty: float = math.nan
    """Entropy of the probabilities, from 0 (certain) to 1 (all classes alike)."""
    spread: float = math.nan
    """Standard deviation over members of the probability of `emotion`; NaN for a model of one member."""
    start: float = 0.0
    """Seconds from the start of the file."""
    end: float = math.nan
    """Seconds; NaN for the end of the file."""


def calibrated(probabilities: Float[np.ndarray, "... classes"], temperature: float) -> Float[np.ndarray, "... classes"]:
    """Divides the logarithms of probabilities by the temperature (Guo et al. 2017, arXiv 1706.04599) and normalises again.

    >>> calibrated(np.array([0.8, 0.2]), 2.0).round(3).tolist()
    [0.667, 0.333]
    """
    logs = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    raised = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def fit_temperature(probabilities: Float[np.ndarray, "n classes"], labels: Sequence[int]) -> float:
    """Returns the temperature, between 0.05 and 20, under which these labels are most likely; 1 without labels.

    >>> sure = np.array([[0.99, 0.01]] * 10)
    >>> fit_temperature(sure, [0] * 7 + [1] * 3) > 1
    True
    """
    from scipy.optimize import minimize_scalar

    known = np.asarray(labels) >= 0
    if not known.any():
        return 1.0
    rows, wanted = np.asarray(probabilities)[known], np.asarray(labels)[known]

    def loss(logarithm: float) -> float:
        return float(-np.log(calibrated(rows, math.exp(logarithm))[np.arange(len(wanted)), wanted].clip(1e-12)).mean())

    found = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded")
    return math.exp(float(found.x))


def uncertainty(probabilities: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n"]:
    """Returns the entropy of each row over that of equal probabilities.

    >>> uncertainty(np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [1.0, 0.0]
    """
    classes = probabilities.shape[1]
    logs = np.log(np.clip(probabilities, 1e-12, 1.0))
    return np.abs((probabilities * logs).sum(axis=1)) / (math.log(classes) if classes > 1 else 1.0)
