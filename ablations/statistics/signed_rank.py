"""Wilcoxon's signed-rank test over folds. Reviewers ask for it, but it does not suit folds, for two reasons.

Below 6 pairs it cannot reach 5 % two-sided (2 / 2^5 = .0625), so we do not report it. From 6 pairs on, it treats folds as
independent although they share training data, and rejects far more than 5 % of true nulls. It is marked and never decides.
"""

import math

import numpy as np

from ablations.statistics.corrected_t import NAN, RESOLUTION, over_seeds
from ablations.statistics.method import Evidence, Method
from ablations.statistics.words import probability

FEWEST = 6
"""Minimum number of pairs with which the test can reject at 5 %."""


def signed_rank(differences: np.ndarray) -> float:
    """Returns the two-sided p of the differences per fold [folds]; NaN below FEWEST folds, 1 if all are 0.

    Exact without ties, otherwise the normal approximation; zeros are dropped (Wilcoxon 1945).

    >>> signed_rank(np.array([.01, .02, .03, .04, .05])), signed_rank(np.array([.01, .02, .03, .04, .05, .06]))
    (nan, 0.03125)
    """
    from scipy.stats import wilcoxon

    if len(differences) < FEWEST:
        return NAN
    moved = differences[abs(differences) > RESOLUTION]
    if not len(moved):
        return 1.0
    # Equal differences of scores can differ in their last digits, so round before comparing them.
    tied = len(np.unique(abs(moved).round(12))) < len(moved)
    return float(np.asarray(wilcoxon(moved, method="asymptotic" if tied else "exact"))[1])


def _cells(evidence: Evidence) -> tuple[str, ...]:
    p = signed_rank(over_seeds(evidence.gaps))
    return (probability(p).removeprefix("= ") if math.isfinite(p) else "—",)


METHOD = Method(
    columns=("Wilcoxon p",),
    cells=_cells,
    note=(
        f"Wilcoxon's signed-rank test over folds, from {FEWEST} on (with fewer it cannot reach .05), treats folds as "
        "independent; shared training data make it reject too often."
    ),
    keeps_its_level=False,
)
