"""The corrected t test over folds, its interval, and Holm's correction for several tests.

Training sets of different folds overlap, so fold differences are correlated and the plain paired t test rejects far too
often. The correction of the variance follows Nadeau & Bengio (2003, Machine Learning 52; Bouckaert & Frank 2004, PAKDD):
    var(mean) = (1/n + test/train) s^2, with n - 1 degrees of freedom.
n counts folds, not pairs: all seeds train on the same folds, and a second seed on a fold adds no new speaker. If 5 seeds
that agree on a fold (r = .95) counted as repeats, the error rate would rise from 5 to 14 % (10 folds) or 18 % (5 folds).
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ablations.paired_study import LEVEL

RESOLUTION = 1e-12
"""Scores closer than this are equal: only rounding separates them, since no test set has that resolution."""
NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval. The ends are NaN if the interval is undefined."""

    value: float = NAN
    low: float = NAN
    high: float = NAN


@dataclasses.dataclass(frozen=True)
class CorrectedT:
    """Corrected resampled t test of a mean against 0, in the unit of the values."""

    mean: Interval
    p: float
    """Two-sided p; NaN without a test."""
    error: float
    """Corrected standard error of the mean; NaN without a test, 0 if all values are 0."""
    n: int
    """Number of values in the mean."""
    freedom: float = NAN
    """Degrees of freedom of the error; NaN without a test."""


UNTESTED = CorrectedT(Interval(), NAN, NAN, 0)


def corrected_t(values: Sequence[float] | np.ndarray, test_to_train: float) -> CorrectedT:
    """Runs the corrected resampled t test over one value per fold. `test_to_train` is the ratio of test to training utterances.

    Fewer than two values give only a mean. So do identical values: their variance is unknown rather than zero, since a few
    small test sets can agree by chance. If all values are 0, there is no difference and p = 1.

    >>> test = corrected_t([.03, .05, .01, .04, .02], test_to_train=.25)
    >>> round(test.mean.value, 3), round(test.p, 4), round(test.error, 4)
    (0.03, 0.0474, 0.0106)
    """
    from scipy.special import stdtr, stdtrit

    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        raise ValueError("corrected_t takes finite values; leave undefined folds out first")
    n, mean = len(values), float(values.mean()) if len(values) else NAN
    spread = float(values.std(ddof=1)) if n > 1 else NAN
    if spread < RESOLUTION and abs(mean) < RESOLUTION:
        return CorrectedT(Interval(0.0, 0.0, 0.0), p=1.0, error=0.0, n=n)
    if not spread >= RESOLUTION:
        return CorrectedT(Interval(mean), p=NAN, error=NAN, n=n)
    error = math.sqrt(1 / n + test_to_train) * spread
    quantile = float(stdtrit(n - 1, 1 - LEVEL / 2))
    return CorrectedT(
        Interval(mean, mean - quantile * error, mean + quantile * error),
        p=float(2 * stdtr(n - 1, -abs(mean) / error)),
        error=error,
        n=n,
        freedom=n - 1,
    )


def holm(p: Sequence[float] | np.ndarray, least: int = 0) -> np.ndarray:
    """Adjusts p values after Holm (1979, Scandinavian Journal of Statistics 6). NaN is not counted and stays NaN.

    `least` is the number of tests to count at least. The tests that are not here count as if their p were larger, which makes
    these adjusted p no smaller than those of all tests together.

    >>> holm([.01, .04, .03]).round(2).tolist(), holm([.01], 8).round(2).tolist()
    ([0.03, 0.06, 0.06], [0.08])
    """
    p = np.asarray(p, float)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    steps = max(len(order), least) - np.arange(len(order))
    adjusted = np.full_like(p, NAN)
    adjusted[order] = np.maximum.accumulate(p[order] * steps).clip(max=1)
    return adjusted


def over_seeds(values: np.ndarray) -> np.ndarray:
    """Returns one value per fold, the mean over the seeds that have one. Folds without a value are left out."""
    defined = np.isfinite(values)
    folds = defined.any(axis=0)
    return np.where(defined, values, 0)[:, folds].sum(axis=0) / defined[:, folds].sum(axis=0)
