"""Wilcoxon's signed-rank test over folds: asked for by reviewers, and wrong about folds in two ways.

Below 6 pairs it cannot reach 5 % two-sided (2 / 2^5 = .0625), so it is not given there. From 6 on it takes folds for
independent although they share training data, and rejects far more than 5 % of true nulls: marked, never a verdict.
"""

import math

import numpy as np

from ablations.statistics.compare import NAN, RESOLUTION, over_seeds, probability
from ablations.statistics.method import Evidence, Method

FEWEST = 6
"""Pairs below which the test could not reject at 5 % whatever the data."""


def signed_rank(differences: np.ndarray) -> float:
    """Two-sided p of one difference per fold [folds]; NaN below FEWEST folds, 1 where all are 0.

    Exact where no two sizes are equal, the normal approximation otherwise; zeros are dropped (Wilcoxon 1945).

    >>> signed_rank(np.array([.01, .02, .03, .04, .05])), signed_rank(np.array([.01, .02, .03, .04, .05, .06]))
    (nan, 0.03125)
    """
    from scipy.stats import wilcoxon

    if len(differences) < FEWEST:
        return NAN
    moved = differences[abs(differences) > RESOLUTION]
    if not len(moved):
        return 1.0
    tied = len(np.unique(abs(moved).round(12))) < len(moved)
    return float(np.asarray(wilcoxon(moved, method="asymptotic" if tied else "exact"))[1])


def _cells(evidence: Evidence) -> tuple[str, ...]:
    p = signed_rank(over_seeds(evidence.gaps))
    return (probability(p).removeprefix("= ") if math.isfinite(p) else "—",)


METHOD = Method(
    columns=("Wilcoxon p",),
    cells=_cells,
    note=(
        f"Wilcoxon's signed-rank test over folds, from {FEWEST} on (with fewer it cannot reach .05), takes folds for "
        "independent: training data they share make it reject too often."
    ),
    keeps_its_level=False,
)
