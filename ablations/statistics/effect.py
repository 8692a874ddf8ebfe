"""Effect size of paired differences: Cohen's d, the difference relative to its own standard deviation.

d = mean of the folds' differences / their standard deviation (n - 1), seeds averaged within a fold first
(Cohen 1988, section 2.3.5, named d_z'; Lakens 2013, Frontiers in Psychology 4:863, named d_z). Cohen calls .2 small, .5 medium
and .8 large. Folds that share training data vary less than independent studies, so d tends to be too large.
"""

import math

import numpy as np

from ablations.statistics.corrected_t import RESOLUTION, over_seeds
from ablations.statistics.method import Evidence, Method


def effect_size(differences: np.ndarray) -> float:
    """Returns d of the differences per fold [folds]; NaN below two folds or without spread, 0 if all are 0.

    >>> round(effect_size(np.array([.01, .03, .02])), 3)
    2.0
    """
    if len(differences) and abs(differences).max() < RESOLUTION:
        return 0.0
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else math.nan
    return float(differences.mean()) / spread if spread >= RESOLUTION else math.nan


def _cells(evidence: Evidence) -> tuple[str, ...]:
    found = effect_size(over_seeds(evidence.gaps))
    return (f"{found:+.2f}" if math.isfinite(found) else "—",)


METHOD = Method(
    columns=("d",),
    cells=_cells,
    note="d is the mean difference divided by its standard deviation over folds (paired Cohen's d; above 0 is better).",
    keeps_its_level=True,
)
