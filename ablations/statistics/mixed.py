"""Random effects: how far a difference holds for other speakers and seeds, or for other corpora.

difference[seed, speaker] = mean + speaker + seed + both        one corpus: mean squares of the crossed design (speakers.py)
difference[corpus] = mean + corpus + error of the corpus        several corpora: variance between corpora, then Hartung-Knapp
In a balanced crossed design the mean squares give the estimates of REML wherever those are above 0 (Searle, Casella & McCulloch
1992, chapter 4). Between corpora, the variance is that of Paule & Mandel (1982), and the interval that of Hartung & Knapp (2001,
Statistics in Medicine 20:3875), with corpora - 1 degrees of freedom: it keeps its level with few corpora.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import NAN, Interval
from ablations.statistics.speakers import components


@dataclasses.dataclass(frozen=True)
class Deviations:
    """Standard deviations of a difference between speakers, between seeds, and of what remains; NaN if unknown."""

    speaker: float
    seed: float
    rest: float


def deviations(contributions: np.ndarray) -> Deviations:
    """Returns the standard deviations behind contributions [seeds speakers]; negative variances count as 0.

    With one seed, what remains cannot be told from the speakers and is part of them.
    """
    seeds, speakers = contributions.shape
    found = components(contributions)
    if seeds < 2 or speakers < 2:
        return Deviations(math.sqrt(found.speaker * speakers), NAN, NAN)
    rows, columns = contributions.mean(axis=1, keepdims=True), contributions.mean(axis=0, keepdims=True)
    rest = ((contributions - rows - columns + contributions.mean()) ** 2).sum() / ((seeds - 1) * (speakers - 1))
    speaker = max(0.0, found.speaker * contributions.size - rest) / seeds
    return Deviations(math.sqrt(speaker), math.sqrt(found.seed * seeds), math.sqrt(rest))


@dataclasses.dataclass(frozen=True)
class Effect:
    """Mean difference over corpora."""

    mean: Interval
    between: float
    """Standard deviation of the true difference between corpora."""
    p: float
    corpora: int


def random_effect(differences: Sequence[float], errors: Sequence[float]) -> Effect:
    """Combines the differences of several corpora and their standard errors. Corpora without an error are left out.

    >>> found = random_effect([.02, .05, .01, .04], [.01, .02, .01, .02])
    >>> round(found.mean.value, 4), round(found.between, 4), round(found.p, 3)
    (0.0234, 0.0096, 0.067)
    """
    from scipy.special import stdtr, stdtrit

    values, variances = np.asarray(differences, float), np.asarray(errors, float) ** 2
    known = np.isfinite(values) & (variances > 0)
    values, variances, count = values[known], variances[known], int(known.sum())
    if count < 2:
        return Effect(Interval(float(values.mean()) if count else NAN), NAN, NAN, count)
    between = _paule_mandel(values, variances)
    weights = 1 / (variances + between)
    mean = float(weights @ values / weights.sum())
    error = math.sqrt(float(weights @ (values - mean) ** 2) / (count - 1) / weights.sum())
    reach = float(stdtrit(count - 1, 1 - LEVEL / 2)) * error
    p = float(2 * stdtr(count - 1, -abs(mean) / error)) if error > 0 else NAN
    return Effect(Interval(mean, mean - reach, mean + reach), math.sqrt(between), p, count)


def _paule_mandel(values: np.ndarray, variances: np.ndarray) -> float:
    """Returns the variance between corpora at which the weighted squares equal their degrees of freedom; at least 0."""
    from scipy.optimize import brentq

    def excess(between: float) -> float:
        weights = 1 / (variances + between)
        return float(weights @ (values - weights @ values / weights.sum()) ** 2) - (len(values) - 1)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, float(np.ptp(values)) ** 2 * len(values), xtol=1e-14))  # type: ignore[arg-type]
