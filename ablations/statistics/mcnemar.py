"""McNemar's test: of the utterances that exactly one of two variants gets right, does one variant get more than half?

only the baseline right: b    only the variant right: c    under the null c ~ Binomial(b + c, 1/2), two-sided and exact
(McNemar 1947, Psychometrika 12; Dietterich 1998, Neural Computation 10.) It treats the trained models as fixed and utterances
as independent. Seeds share the same utterances, so their p values depend on each other. Twice their mean is a valid p value
under any dependence (Vovk & Wang 2020, Biometrika 107), so we use that for several seeds.
"""

import math
from collections.abc import Sequence

import numpy as np

from ablations.statistics.corrected_t import NAN
from ablations.statistics.method import Evidence, Method
from ablations.statistics.words import probability


def mcnemar(baseline: np.ndarray, variant: np.ndarray) -> float:
    """Returns the exact two-sided p of two rows of correct answers [utterances] of one seed; 1 if they always agree.

    >>> mcnemar(np.array([True, True, False, False, False]), np.array([True, False, True, True, True]))
    0.625
    """
    from scipy.special import bdtr

    only_baseline, only_variant = int((baseline & ~variant).sum()), int((variant & ~baseline).sum())
    # With equal counts, twice the tail counts the middle twice and exceeds 1.
    return min(1.0, float(2 * bdtr(min(only_baseline, only_variant), only_baseline + only_variant, 0.5)))


def over_dependent(p: Sequence[float]) -> float:
    """Combines p values under any dependence: twice their mean, at most 1; a single p stays the same; NaN for none.

    >>> over_dependent([.04]), over_dependent([.01, .03])
    (0.04, 0.04)
    """
    if not p:
        return NAN
    return min(1.0, (2 if len(p) > 1 else 1) * math.fsum(p) / len(p))


def _cells(evidence: Evidence) -> tuple[str, ...]:
    p = [mcnemar(*right) for right in evidence.right]
    joint = over_dependent(p)
    if math.isnan(joint):
        return "—", "—"
    counts = [(int((ours & ~theirs).sum()), int((theirs & ~ours).sum())) for ours, theirs in evidence.right]
    return probability(joint).removeprefix("= "), " ".join(f"{lost}:{won}" for lost, won in counts)


METHOD = Method(
    columns=("McNemar p", "lost:won"),
    cells=_cells,
    note=(
        "McNemar's exact test counts the utterances that only the baseline (lost) or only the variant (won) gets right, "
        "seed by seed; p over several seeds is twice their mean (Vovk & Wang 2020). It treats utterances as "
        "independent and the trained models as fixed: another training run would count differently."
    ),
    keeps_its_level=False,
)
