"""Splits the variance of scores into its sources; power.py says which difference it lets a study find.

score [configuration seed fold] = mean + configuration + fold + configuration x fold + seed
Variances come from the method of moments of a balanced analysis of variance (Searle, Casella & McCulloch 1992, chapter 4). Seeds
are nested in configuration and fold: seed 1 of one fold shares neither data nor steps with seed 1 of another.
"""

import dataclasses
import math

import numpy as np

from ablations.statistics.corrected_t import NAN


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
        joined = "variants differing from fold to fold"
        joined += "" if self.seeds > 1 else " and from seed to seed"
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


def _moment(deviations: np.ndarray, freedom: int) -> float:
    """Returns the mean square; NaN without a degree of freedom."""
    return float((deviations**2).sum() / freedom) if freedom > 0 else NAN


def _least0(value: float) -> float:
    return value if math.isnan(value) else max(0.0, value)
