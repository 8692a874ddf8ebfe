"""How large a difference is beside its own scatter: Cohen's d of paired differences.

d = mean of the folds' differences / their standard deviation (n - 1), seeds averaged within a fold first
(Cohen 1988, section 2.3.5, there d_z'; Lakens 2013, Frontiers in Psychology 4:863, there d_z). Cohen's words for it are .2
small, .5 medium, .8 large; folds that share training data scatter less than independent studies would, so it is an upper view.
"""

import math

import numpy as np

from ablations.statistics.compare import RESOLUTION, over_seeds
from ablations.statistics.method import Evidence, Method


def effect_size(differences: np.ndarray) -> float:
    """d of one difference per fold [folds]; NaN below two folds or without spread, 0 where all are 0.

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
    note="d is the mean difference over folds by its standard deviation between folds (paired Cohen's d; above 0 is better).",
    keeps_its_level=True,
)
