"""Tests whether a variant differs from the baseline, by how much, and which difference the study could detect.

    scores --pair by (seed, fold)--> differences --mean over seeds--> one per fold --corrected t--> p --Holm--> verdict

Training sets of different folds overlap, so fold differences are correlated and the plain paired t test rejects far too
often. The correction of the variance follows Nadeau & Bengio (2003, Machine Learning 52; Bouckaert & Frank 2004, PAKDD):
    var(mean) = (1/n + test/train) s^2, with n - 1 degrees of freedom.
n counts folds, not pairs: all seeds train on the same folds, and a second seed on a fold adds no new speaker. If 5 seeds
that agree on a fold (r = .95) counted as repeats, the error rate would rise from 5 to 14 % (10 folds) or 18 % (5 folds).
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ablations.paired_study import PairedStudy
from ablations.pairing import ComparisonError
from ser_core.metrics import find_metric, less_is_better

LEVEL = 0.05
"""Error rate of the two-sided tests; intervals cover 1 - LEVEL."""
POWER = 0.8
"""Probability with which a study finds a difference of the detectable size."""
RESOLUTION = 1e-12
"""Scores closer than this are equal: only rounding separates them, since no test set has that resolution."""
NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval. The ends are NaN if the interval is undefined."""

    value: float = NAN
    low: float = NAN
    high: float = NAN


@dataclasses.dataclass(frozen=True)
class CorrectedT:
    """Corrected resampled t test of a mean against 0, in the unit of the values."""

    mean: Interval
    p: float
    """Two-sided p; NaN without a test."""
    detectable: float
    """Smallest true mean found with probability POWER at LEVEL, not corrected for several variants; NaN without a test."""
    n: int
    """Number of values in the mean."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One variant against the baseline on one metric. Scores and differences are fractions, or raw values for CCC, PCC, MAE."""

    variant: str
    metric: str
    score: Interval
    difference: Interval
    """Variant minus baseline over the pairs that both have; NaN for the baseline itself."""
    p: float
    p_holm: float
    """p after Holm over the variants of this comparison."""
    mde: float
    """Minimum detectable effect; see CorrectedT.detectable."""
    pairs: int
    """Number of (seed, fold) pairs in the difference (for the baseline: in the score)."""
    folds: int
    seeds: int
    verdict: str
    """Verdict in one sentence."""


UNTESTED = CorrectedT(Interval(), NAN, NAN, 0)


def corrected_t(values: Sequence[float] | np.ndarray, test_to_train: float) -> CorrectedT:
    """Runs the corrected resampled t test over one value per fold. `test_to_train` is the ratio of test to training utterances.

    Fewer than two values give only a mean. So do identical values: their variance is unknown rather than zero, since a few
    small test sets can agree by chance. If all values are 0, there is no difference and p = 1.

    >>> test = corrected_t([.03, .05, .01, .04, .02], test_to_train=.25)
    >>> round(test.mean.value, 3), round(test.p, 4), round(test.detectable, 4)
    (0.03, 0.0474, 0.0394)
    """
    from scipy.special import stdtr, stdtrit

    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        raise ValueError("corrected_t takes finite values; leave undefined folds out first")
    n, mean = len(values), float(values.mean()) if len(values) else NAN
    spread = float(values.std(ddof=1)) if n > 1 else NAN
    if spread < RESOLUTION and abs(mean) < RESOLUTION:
        return CorrectedT(Interval(0.0, 0.0, 0.0), p=1.0, detectable=NAN, n=n)
    if not spread >= RESOLUTION:
        return CorrectedT(Interval(mean), p=NAN, detectable=NAN, n=n)
    error = math.sqrt(1 / n + test_to_train) * spread
    quantile = float(stdtrit(n - 1, 1 - LEVEL / 2))
    return CorrectedT(
        Interval(mean, mean - quantile * error, mean + quantile * error),
        p=float(2 * stdtr(n - 1, -abs(mean) / error)),
        detectable=(quantile + float(stdtrit(n - 1, POWER))) * error,
        n=n,
    )


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusts p values after Holm (1979, Scandinavian Journal of Statistics 6). NaN is not counted and stays NaN.

    >>> holm([.01, .04, .03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    adjusted = np.full_like(p, NAN)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)).clip(max=1)
    return adjusted


def compare(study: PairedStudy) -> dict[str, Comparison]:
    """Compares every variant with the baseline on the study's metric. Returns them in the study's order, with the baseline.

    Raises ComparisonError when no variant has the metric.
    Pairs in which either score is NaN (CCC of a constant target) are left out, and the verdict mentions them.
    """
    if study.metric not in study.metrics:
        raise ComparisonError(f"no variant has the metric {study.metric!r}; choose from {', '.join(study.metrics)}")
    scores, ratio = study.scores(), study.test_to_train
    gaps = {name: values - scores[study.baseline] for name, values in scores.items() if name != study.baseline}
    tests = {name: corrected_t(over_seeds(gap), ratio) for name, gap in gaps.items()}
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    comparisons = {}
    for name, values in scores.items():
        test, used = tests.get(name, UNTESTED), np.isfinite(gaps.get(name, values))
        found = Comparison(
            variant=name,
            metric=study.metric,
            score=corrected_t(over_seeds(values), ratio).mean,
            difference=test.mean,
            p=test.p,
            p_holm=float(adjusted.get(name, NAN)),
            mde=test.detectable,
            pairs=int(used.sum()),
            folds=int(used.any(axis=0).sum()),
            seeds=int(used.any(axis=1).sum()),
            verdict="baseline",
        )
        if name != study.baseline:
            found = dataclasses.replace(found, verdict=_verdict(found, used.size, len(tests)))
        comparisons[name] = found
    return comparisons


def amount(size: float, metric: str) -> str:
    """Formats a size in the unit of its metric: points (hundredths) for metrics in percent, otherwise three decimals.

    >>> amount(.0412, "uar"), amount(.0412, "ccc.valence")
    ('4.1 points', '.041')
    """
    if find_metric(metric).percent:
        return f"{100 * size:.1f} points"
    return f"{size:.3f}".removeprefix("0")


def probability(p: float) -> str:
    """Formats a p value.

    >>> probability(.0312), probability(.00002)
    ('= .031', '< .001')
    """
    if p < 0.001:
        return "< .001"
    return "= " + (f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1")


def over_seeds(values: np.ndarray) -> np.ndarray:
    """Returns one value per fold, the mean over the seeds that have one. Folds without a value are left out."""
    defined = np.isfinite(values)
    folds = defined.any(axis=0)
    return np.where(defined, values, 0)[:, folds].sum(axis=0) / defined[:, folds].sum(axis=0)


def _verdict(found: Comparison, asked: int, variants: int) -> str:
    """Returns the verdict. `asked` is the number of pairs in the study, `variants` the number that Holm counts."""
    metric, difference = found.metric, found.difference
    if not found.pairs:
        return f"no test: no fold has {metric} in both the variant and the baseline"
    missing = asked - found.pairs
    left = f" ({missing} of {asked} pairs have no {metric} and are left out)" if missing else ""
    better = (difference.value > 0) != less_is_better(metric)
    gap = f"{'better' if better else 'worse'} by {amount(abs(difference.value), metric)}"
    if difference == Interval(0.0, 0.0, 0.0):
        return f"the same score in every fold{left}"
    if found.folds < 2:
        return f"no test: {gap} in a single fold, which says nothing about other speakers{left}"
    if math.isnan(found.p):
        return f"no test: {gap} in every fold, so the spread is unknown{left}"
    if found.p_holm < LEVEL:
        return f"{gap} (Holm p {probability(found.p_holm)}){left}"
    alone = probability(found.p)
    once = f" after Holm correction over {variants} variants (uncorrected p {alone})" if found.p < LEVEL else ""
    size = f"{found.folds} folds x {found.seeds} seed{'s' * (found.seeds != 1)}"
    return f"within noise{once}; {size} could have detected {amount(found.mde, metric)}{left}"
