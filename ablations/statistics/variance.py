"""Where the scatter of scores comes from, and what would make a study see finer: more seeds or more folds.

score [configuration seed fold] = mean + configuration + fold + configuration x fold + seed
Variances by the method of moments of a balanced analysis of variance (Searle, Casella & McCulloch 1992, chapter 4). Seeds are
nested in a configuration and fold: seed 1 of one fold shares neither data nor steps with seed 1 of another.

A mean difference of two configurations over F folds and S seeds, with the correction of Nadeau & Bengio, has
    variance = (1/F + test/train) * 2 * (configuration x fold + seed / S)
"""

import dataclasses
import math

import numpy as np

from ablations.statistics.compare import LEVEL, NAN, POWER

MOST_SEEDS = 1000
MOST_FOLDS = 200
"""Where the search for enough seeds or folds ends."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Variances in the unit of the score, squared. NaN where the study cannot tell: one seed, one fold, one configuration."""

    configuration: float
    fold: float
    configuration_by_fold: float
    """How much configurations differ in which folds they find hard; with one seed, the seeds' scatter is in it."""
    seed: float
    configurations: int
    seeds: int
    folds: int

    @property
    def parts(self) -> dict[str, float]:
        """What can be told apart, in words, as shares of the sum; nothing where all scores are equal."""
        joined = "variant by fold" if self.seeds > 1 else "variant by fold and seed together"
        named = {
            "between folds": self.fold,
            "between variants": self.configuration,
            joined: self.configuration_by_fold,
            "between seeds": self.seed,
        }
        known = {name: value for name, value in named.items() if math.isfinite(value)}
        whole = math.fsum(known.values())
        return {name: value / whole for name, value in known.items()} if whole > 0 else {}


def split_variance(scores: np.ndarray) -> Split:
    """The variance of scores [configurations seeds folds]; folds that miss a score are left out, below 0 counts as 0."""
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
    """Least true difference of two configurations found with probability POWER at LEVEL, alone among variants.

    `test_to_train` is the study's own ratio; with other folds of the same size it is taken as ratio * (F - 1) / (F' - 1).
    NaN below two configurations or folds, or with other seeds than the study's single one.
    """
    from scipy.special import stdtrit

    if folds < 2 or (split.seeds == 1 and seeds != 1):
        return NAN
    seed = split.seed / seeds if split.seeds > 1 else 0.0
    ratio = test_to_train * (split.folds - 1) / (folds - 1)
    error = math.sqrt((1 / folds + ratio) * 2 * (split.configuration_by_fold + seed))
    return float(stdtrit(folds - 1, 1 - LEVEL / 2) + stdtrit(folds - 1, POWER)) * error


def seeds_for(split: Split, wanted: float, test_to_train: float) -> int:
    """Fewest seeds that can detect `wanted` with the study's folds; 0 when MOST_SEEDS cannot."""
    tried = range(1, MOST_SEEDS + 1)
    return next((seeds for seeds in tried if detectable(split, seeds, split.folds, test_to_train) <= wanted), 0)


def folds_for(split: Split, wanted: float, test_to_train: float) -> int:
    """Fewest folds of the same size that can detect `wanted` with the study's seeds; 0 when MOST_FOLDS cannot."""
    tried = range(2, MOST_FOLDS + 1)
    return next((folds for folds in tried if detectable(split, split.seeds, folds, test_to_train) <= wanted), 0)


def _moment(deviations: np.ndarray, freedom: int) -> float:
    """Mean square; NaN without a degree of freedom."""
    return float((deviations**2).sum() / freedom) if freedom > 0 else NAN


def _least0(value: float) -> float:
    return value if math.isnan(value) else max(0.0, value)
