"""Bayesian correlated t test: the probability that a variant is worse, practically equivalent, or better.

mean difference m, fold sd s, n folds, r = test / train  ->  posterior of the true mean: Student t, n - 1 degrees of freedom,
at m, with scale s * sqrt(1/n + r)  ->  its shares below -ROPE, within, above
Corani & Benavoli 2015 (Machine Learning 100:285), Benavoli et al. 2017 (JMLR 18:77). They write rho / (1 - rho) with rho = test /
(test + train), which equals test / train: the scale is that of Nadeau & Bengio. Without a region, both tests decide the same.
"""

import dataclasses
import math

import numpy as np

from ablations.paired_study import MARGIN
from ablations.statistics.corrected_t import NAN, RESOLUTION, over_seeds
from ablations.statistics.method import Evidence, Method


@dataclasses.dataclass(frozen=True)
class Posterior:
    """Three probabilities that sum to 1. All are NaN below two folds, or if all folds have the same nonzero difference."""

    worse: float
    equivalent: float
    better: float


def correlated_bayes(differences: np.ndarray, test_to_train: float, rope: float = MARGIN) -> Posterior:
    """Returns the posterior of the mean of the differences per fold [folds]; above 0 is better. `rope` (>= 0) has the same unit.

    >>> found = correlated_bayes(np.array([.03, .05, .01, .04, .02]), test_to_train=.25)
    >>> round(found.worse, 3), round(found.equivalent, 3), round(found.better, 3)
    (0.005, 0.195, 0.8)
    """
    from scipy.special import stdtr

    n, mean = len(differences), float(differences.mean()) if len(differences) else NAN
    spread = float(differences.std(ddof=1)) if n > 1 else NAN
    # All differences are 0 up to rounding: two variants that predict the same are equivalent.
    if spread < RESOLUTION and abs(mean) < RESOLUTION:
        return Posterior(0.0, 1.0, 0.0)
    # `not >=` also catches NaN.
    if not spread >= RESOLUTION:
        return Posterior(NAN, NAN, NAN)
    scale = spread * math.sqrt(1 / n + test_to_train)
    worse, better = (float(stdtr(n - 1, (-rope + sign * mean) / scale)) for sign in (-1, 1))
    # Rounding can make the remainder slightly negative.
    return Posterior(worse, max(0.0, 1 - worse - better), better)


def _cells(evidence: Evidence) -> tuple[str, ...]:
    found = correlated_bayes(over_seeds(evidence.gaps), evidence.test_to_train, evidence.margin)
    return tuple(_share(value) for value in (found.worse, found.equivalent, found.better))


def _share(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.2f}".removeprefix("0")


METHOD = Method(
    columns=("P(worse)", "P(equivalent)", "P(better)"),
    cells=_cells,
    note=(
        "P: posterior probability that the true mean difference is below, within or above the region of practical equivalence, "
        "{margin} either way (Bayesian correlated t, Corani & Benavoli 2015). Each variant stands alone: P is not corrected for "
        "several variants, so with many of them some look better by chance."
    ),
    keeps_its_level=True,
)
