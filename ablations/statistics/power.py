"""Which difference a study finds, and how many folds or seeds a smaller one takes: always after Holm, always with a range.

differences per fold --Noise: their variance--> detectable(seeds, folds), folds_for(wanted), seeds_for(wanted)
A variant is found when its p stays below LEVEL / m, the hardest step of Holm over m tests: whatever the other tests say, it is
then found by the verdict too. The variance is itself an estimate from n folds. The stated difference allows for that: if you
take it from one study and repeat the study, the repetition finds it with probability POWER, on average over both.
    P(|T| > c) = E P(z > c s' - k s),    s^2, s'^2 ~ chi^2 / degrees of freedom,   c = quantile at LEVEL / m,   stated = k * error
Its range is what you would state if you knew the variance, at both ends of the 95 % chi-square interval of the variance.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import cast

import numpy as np

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import NAN, RESOLUTION, Interval, over_seeds

POWER = 0.8
"""Probability with which a study finds a difference of the detectable size."""
MOST_SEEDS = 1000
MOST_FOLDS = 200
"""Upper limits of the search for enough seeds or folds."""
POINTS = 160
"""Quantiles of the chi-square distribution over which power is averaged."""


@dataclasses.dataclass(frozen=True)
class Noise:
    """How much the difference of two variants varies from fold to fold, or from test speaker to test speaker."""

    variance: float
    """Variance of the differences per fold, seeds averaged within a fold; NaN if it cannot be estimated."""
    seed: float
    """Variance of the difference between the seeds of a fold; NaN with one seed."""
    seeds: int
    folds: int
    """Number of folds; of test speakers where there is a single fold."""
    test_to_train: float
    tests: int = 1
    """Number of tests that Holm counts."""
    shared: float = 0.0
    """Variance of a seed's difference that all test speakers share; 0 over folds, where every fold trains its own models."""
    freedom: float = 0.0
    """Degrees of freedom of the study's own test; 0 stands for folds - 1."""
    level: float = LEVEL
    """Error rate of the verdicts."""

    def detectable(self, seeds: int = 0, folds: int = 0) -> Interval:
        """Returns the smallest true difference that such a study finds with probability POWER after Holm, with its range.

        0 stands for the study's own number of seeds or folds. Folds are of the same size, so their ratio of test to training
        utterances becomes ratio * (F - 1) / (F' - 1). NaN below two folds, and if a one-seed study asks for more seeds.
        """
        seeds, folds = seeds or self.seeds, folds or self.folds
        if min(folds, self.folds) < 2 or not self.variance > 0 or (seeds != self.seeds and math.isnan(self.seed)):
            return Interval()
        known, level = self.freedom or self.folds - 1, self.level / self.tests
        own, common = self._squared_errors(seeds, folds)
        same = (seeds, folds) == (self.seeds, self.folds)
        new = known if same else _satterthwaite(own, common, folds, seeds)
        error = math.sqrt(own + common)
        low, high = (error * end * exact_factor(new, level) for end in spread_range(known))
        return Interval(error * factor(new, known, level), low, high)

    def _squared_errors(self, seeds: int, folds: int) -> tuple[float, float]:
        """Returns the squared standard error that folds contribute, and the one that seeds contribute to all of them."""
        change = self.seed * (1 / seeds - 1 / self.seeds) if seeds != self.seeds else 0.0
        # More seeds cannot take away more than what seeds add; an estimate of the remainder below 0 counts as 0.
        variance = max(self.variance + change, self.seed / seeds if change else 0.0)
        ratio = self.test_to_train * (self.folds - 1) / (folds - 1)
        return (1 / folds + ratio) * variance, self.shared / seeds

    def seeds_for(self, wanted: float) -> Interval:
        """Returns the fewest seeds that find `wanted` with the study's folds, with their range; inf if MOST_SEEDS do not."""
        return _fewest(lambda seeds: self.detectable(seeds=seeds), wanted, 1, MOST_SEEDS)

    def folds_for(self, wanted: float) -> Interval:
        """Returns the fewest folds of the same size that find `wanted` with the study's seeds; inf if MOST_FOLDS do not."""
        return _fewest(lambda folds: self.detectable(folds=folds), wanted, 2, MOST_FOLDS)


def noise_of(gaps: np.ndarray, test_to_train: float, tests: int = 1) -> Noise:
    """Returns the noise of the differences of a variant [seeds folds]; NaN where a pair has none.

    The variance of the mean over seeds comes from the same values as the verdict, so both state the same difference.
    """
    values, defined = over_seeds(gaps), np.isfinite(gaps)
    spread = float(values.std(ddof=1)) if len(values) > 1 else NAN
    repeated = gaps[:, defined.all(axis=0)]
    many = len(gaps) > 1 and repeated.shape[1] > 0
    seed = float(repeated.var(axis=0, ddof=1).mean()) if many else NAN
    variance = spread**2 if spread >= RESOLUTION else NAN
    return Noise(variance, seed, int(defined.any(axis=1).sum()), len(values), test_to_train, max(tests, 1))


def _satterthwaite(own: float, common: float, folds: int, seeds: int) -> float:
    """Returns the degrees of freedom of a sum of squared errors, rounded so that equal factors are computed once."""
    if not common or seeds < 2:
        return folds - 1
    freedom = (own + common) ** 2 / (own**2 / (folds - 1) + common**2 / (seeds - 1))
    return round(min(folds - 1, max(seeds - 1, freedom)), 1)


def _fewest(detectable: Callable[[int], Interval], wanted: float, least: int, most: int) -> Interval:
    """Returns the fewest that reach `wanted`, for the stated difference and for both ends of its range."""

    def first(end: str) -> float:
        if not getattr(detectable(most), end) <= wanted:
            return NAN if math.isnan(getattr(detectable(most), end)) else math.inf
        low, high = least, most
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if getattr(detectable(middle), end) <= wanted else (middle + 1, high)
        return float(low)

    return Interval(first("value"), first("low"), first("high"))


def spread_range(freedom: float) -> tuple[float, float]:
    """Returns both ends of the 95 % interval of a standard deviation, relative to its estimate (chi-square).

    >>> [round(end, 2) for end in spread_range(4)]
    [0.6, 2.87]
    """
    from scipy.special import chdtri

    return math.sqrt(freedom / chdtri(freedom, LEVEL / 2)), math.sqrt(freedom / chdtri(freedom, 1 - LEVEL / 2))


@functools.cache
def factor(freedom: float, known: float, level: float = LEVEL) -> float:
    """Returns the stated difference in estimated standard errors.

    `freedom` are the degrees of freedom of the repeated study's test, `known` those of the estimate.

    >>> round(factor(9, 9), 2), round(factor(9, 9, LEVEL / 8), 2)
    (3.46, 5.06)
    """
    return _solve(freedom, _roots(known), level)


@functools.cache
def exact_factor(freedom: float, level: float = LEVEL) -> float:
    """Returns the detectable difference in true standard errors, if the variance is known (noncentral t)."""
    return _solve(freedom, np.ones(1), level)


def _solve(freedom: float, pilot: np.ndarray, level: float) -> float:
    """Returns k with mean power POWER, for a true difference of k times each estimated error in `pilot`."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, stdtrit

    bound = float(stdtrit(freedom, 1 - level / 2)) * _roots(freedom)
    excess = lambda k: float(ndtr(k * pilot[:, None] - bound).mean()) - POWER  # noqa: E731
    return float(cast(float, brentq(excess, 0, 1e5, xtol=1e-4)))


@functools.cache
def _roots(freedom: float) -> np.ndarray:
    """Returns standard deviations at equally likely quantiles of their distribution, relative to the true one [POINTS]."""
    from scipy.special import chdtri

    return np.sqrt(chdtri(freedom, (np.arange(POINTS) + 0.5)[::-1] / POINTS) / freedom)
