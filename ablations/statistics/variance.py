"""Splits the variance of scores into its sources, and computes how many seeds or folds a smaller difference needs.

score [configuration seed fold] = mean + configuration + fold + configuration x fold + seed
Variances come from the method of moments of a balanced analysis of variance (Searle, Casella & McCulloch 1992, chapter 4). Seeds
are nested in configuration and fold: seed 1 of one fold shares neither data nor steps with seed 1 of another.

With the correction of Nadeau & Bengio, the mean difference of two configurations over F folds and S seeds has
    variance = (1/F + test/train) * 2 * (configuration x fold + seed / S)
"""

import dataclasses
import math

import numpy as np

from ablations.statistics.compare import LEVEL, NAN, POWER

MOST_SEEDS = 1000
MOST_FOLDS = 200
"""Upper limits of the search for enough seeds or folds."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Variances, in squared units of the score. NaN if one seed, fold or configuration cannot estimate them."""

    configuration: float
    fold: float
    configuration_by_fold: float
    """Variance of the interaction of configuration and fold. With one seed, it includes the variance between seeds."""
    seed: float
    configurations: int
    seeds: int
    folds: int

    @property
    def parts(self) -> dict[str, float]:
        """Shares of the total variance by source; empty if all scores are equal."""
        joined = "variant by fold" if self.seeds > 1 else "variant by fold and seed together"
        named = {
            "between folds": self.fold,
            "between variants": self.configuration,
            joined: self.configuration_by_fold,
            "between seeds": self.seed,
        }
        known = {name: value for name, value in named.items() if math.isfinite(value)}
        total = math.fsum(known.values())
        return {name: value / total for name, value in known.items()} if total > 0 else {}


def split_variance(scores: np.ndarray) -> Split:
    """Splits the variance of scores [configurations seeds folds]. Skips incomplete folds; negative estimates become 0."""
    scores = scores[:, :, np.isfinite(scores).all(axis=(0, 1))]
    configurations, seeds, folds = scores.shape
    if folds < 2:
        return Split(NAN, NAN, NAN, NAN, configurations, seeds, folds)
    cells = scores.mean(axis=1)
    within = _moment(scores - cells[:, None], configurations * folds * (seeds - 1))
    rows, columns, mean = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
    by_fold = _moment(columns - mean, folds - 1) * configurations * seeds
    by_configuration = _moment(rows - mean, configurations - 1) * folds * seeds
    joint = _moment(cells - rows[:, None] - columns + mean, (configurations - 1) * (folds - 1)) * seeds
    seed = within if seeds > 1 else 0.0
    # The mean square that folds would have if folds did not differ: interaction and seeds, or only seeds.
    beneath = joint if configurations > 1 else seed
    return Split(
        configuration=_least0((by_configuration - joint) / (folds * seeds)),
        fold=_least0((by_fold - beneath) / (configurations * seeds)) if configurations * seeds > 1 else by_fold,
        configuration_by_fold=_least0((joint - seed) / seeds),
        seed=within,
        configurations=configurations,
        seeds=seeds,
        folds=folds,
    )


def detectable(split: Split, seeds: int, folds: int, test_to_train: float) -> float:
    """Returns the smallest true difference of two configurations found with probability POWER at LEVEL, before Holm.

    `test_to_train` is the study's own ratio. For another number of folds F' of the same size, it becomes
    ratio * (F - 1) / (F' - 1). NaN below two configurations or folds, and if a one-seed study asks for more seeds.
    """
    from scipy.special import stdtrit

    if folds < 2 or (split.seeds == 1 and seeds != 1):
        return NAN
    seed = split.seed / seeds if split.seeds > 1 else 0.0
    ratio = test_to_train * (split.folds - 1) / (folds - 1)
    error = math.sqrt((1 / folds + ratio) * 2 * (split.configuration_by_fold + seed))
    # Standard sample-size formula: the quantiles of level and power add up, in units of the standard error.
    return float(stdtrit(folds - 1, 1 - LEVEL / 2) + stdtrit(folds - 1, POWER)) * error


def seeds_for(split: Split, wanted: float, test_to_train: float) -> int:
    """Returns the fewest seeds that detect `wanted` with the study's folds; 0 if MOST_SEEDS do not suffice."""
    tried = range(1, MOST_SEEDS + 1)
    return next((seeds for seeds in tried if detectable(split, seeds, split.folds, test_to_train) <= wanted), 0)


def folds_for(split: Split, wanted: float, test_to_train: float) -> int:
    """Returns the fewest folds of the same size that detect `wanted` with the study's seeds; 0 if MOST_FOLDS do not suffice."""
    tried = range(2, MOST_FOLDS + 1)
    return next((folds for folds in tried if detectable(split, split.seeds, folds, test_to_train) <= wanted), 0)


def _moment(deviations: np.ndarray, freedom: int) -> float:
    """Returns the mean square; NaN without a degree of freedom."""
    return float((deviations**2).sum() / freedom) if freedom > 0 else NAN


def _least0(value: float) -> float:
    return value if math.isnan(value) else max(0.0, value)
