"""Compares the variants of a study with its baseline, on every metric that has a verdict.

    scores --pair by (seed, fold)--> differences --mean over seeds--> one per fold --corrected t--> p --Holm--> verdict
    a single fold: test speakers take the place of folds (speakers.py)
Holm counts every variant on every metric of the verdicts. The test of equivalence (equivalence.py) is corrected the same way.
"""

import dataclasses

import numpy as np

from ablations.paired_study import PairedStudy
from ablations.pairing import ComparisonError
from ablations.statistics.bounds import bounded
from ablations.statistics.comparison import Comparison
from ablations.statistics.corrected_t import (
    NAN,
    CorrectedT,
    Interval,
    corrected_t,
    holm,
    over_seeds,
)
from ablations.statistics.equivalence import tost
from ablations.statistics.power import Noise, noise_of
from ablations.statistics.speakers import FEWEST_SPEAKERS, components, crossed_t, speaker_contributions
from ablations.statistics.verdict import sentence


@dataclasses.dataclass(frozen=True)
class _Tested:
    """The test of one variant on one metric, before Holm."""

    test: CorrectedT
    noise: Noise
    speakers: int = 0


def compare(study: PairedStudy) -> dict[str, Comparison]:
    """Compares every variant with the baseline on the study's first metric alone; see `compare_all`."""
    return compare_all(study.on(study.metric))[study.metric]


def compare_all(study: PairedStudy) -> dict[str, dict[str, Comparison]]:
    """Compares every variant with the baseline on each metric of the verdicts. Returns comparisons by metric and variant.

    Variants are in the study's order, with the baseline. Pairs in which either score is NaN (CCC of a constant target) are left
    out, and the verdict mentions them. Raises ComparisonError when no variant has one of the metrics.
    """
    for metric in study.verdict_metrics:
        if metric not in study.metrics:
            raise ComparisonError(f"no variant has the metric {metric!r}; choose from {', '.join(study.metrics)}")
    tested = {(metric, name): one for metric in study.verdict_metrics for name, one in _tests(study.on(metric)).items()}
    different = holm([one.test.p for one in tested.values()], study.least_tests)
    alike = holm([tost(one.test, study.margin) for one in tested.values()], study.least_tests)
    counted = max(int(np.isfinite(different).sum()), study.least_tests)
    adjusted = {place: (float(p), float(same)) for place, p, same in zip(tested, different, alike, strict=True)}
    found: dict[str, dict[str, Comparison]] = {}
    for metric in study.verdict_metrics:
        scores = study.on(metric).scores()
        found[metric] = {name: _baseline(study, metric, name, values) for name, values in scores.items()}
        for name, values in scores.items():
            if name != study.baseline:
                place = metric, name
                one = _compared(found[metric][name], tested[place], values - scores[study.baseline], *adjusted[place], counted)
                found[metric][name] = dataclasses.replace(one, verdict=sentence(one))
    return found


def _tests(study: PairedStudy) -> dict[str, _Tested]:
    """Tests each variant on the study's metric: over folds, or over speakers if there is a single fold."""
    scores, ratio = study.scores(), study.test_to_train
    gaps = {name: values - scores[study.baseline] for name, values in scores.items() if name != study.baseline}
    found = {name: _Tested(corrected_t(over_seeds(gap), ratio), noise_of(gap, ratio)) for name, gap in gaps.items()}
    single = [name for name, one in found.items() if one.test.n == 1]
    if single and study.single_split:
        known = speaker_contributions(study)
        found |= {name: _over_speakers(known[name], found[name]) for name in single if name in known}
    return found


def _over_speakers(contributions: np.ndarray, alone: _Tested) -> _Tested:
    """Returns the test over speakers; with fewer than FEWEST_SPEAKERS none, but their number."""
    parts = components(contributions)
    if parts.speakers < FEWEST_SPEAKERS:
        return dataclasses.replace(alone, speakers=parts.speakers)
    noise = noise_of(contributions, 0.0)
    test = crossed_t(contributions)
    noise = dataclasses.replace(noise, shared=parts.seed * parts.seeds, freedom=test.freedom)
    return _Tested(test, noise, parts.speakers)


def _baseline(study: PairedStudy, metric: str, name: str, values: np.ndarray) -> Comparison:
    """Returns the score of a variant, without a comparison."""
    used = np.isfinite(values)
    return Comparison(
        variant=name,
        metric=metric,
        score=bounded(corrected_t(over_seeds(values), study.test_to_train).mean, metric),
        difference=Interval(),
        p=NAN,
        p_holm=NAN,
        p_equivalent=NAN,
        noise=Noise(NAN, NAN, 0, 0, study.test_to_train, level=study.level),
        pairs=int(used.sum()),
        folds=int(used.any(axis=0).sum()),
        seeds=int(used.any(axis=1).sum()),
        asked=used.size,
        margin=study.margin,
    )


def _compared(
    alone: Comparison, tested: _Tested, gap: np.ndarray, p_holm: float, p_equivalent: float, counted: int
) -> Comparison:
    """Adds the comparison with the baseline to the score of a variant."""
    used = np.isfinite(gap)
    return dataclasses.replace(
        alone,
        difference=bounded(tested.test.mean, alone.metric, difference=True),
        p=tested.test.p,
        p_holm=p_holm,
        p_equivalent=p_equivalent,
        noise=dataclasses.replace(tested.noise, tests=max(counted, 1), level=alone.noise.level),
        pairs=int(used.sum()),
        folds=int(used.any(axis=0).sum()),
        seeds=int(used.any(axis=1).sum()),
        speakers=tested.speakers,
        error=tested.test.error,
    )
