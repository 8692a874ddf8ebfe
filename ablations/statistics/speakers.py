"""The test for a corpus with one split: does the difference hold for other speakers, and for other seeds?

    sums per speaker --leave one out--> score without that speaker --> contribution of each speaker to the difference
    contributions [seeds speakers] --crossed_t--> interval, p
A corpus with official parts has one test part, so there are no folds to compare; its speakers are the sample. UAR and CCC are not
means over speakers. The jackknife (Miller 1974, Biometrika 61; Efron & Stein 1981, Annals of Statistics 9) gives each speaker a
contribution whose mean is the difference of the whole part and whose variance is that of the difference:
    contribution_g = difference + (G - 1) (mean of the differences without one speaker - difference without speaker g)
Seeds and speakers are crossed: all seeds are tested on all speakers. The variance of the mean adds what both contribute
(Cameron, Gelbach & Miller 2011, Journal of Business & Economic Statistics 29), with Satterthwaite's degrees of freedom:
    var = (MS_speaker + max(0, MS_seed - MS_both)) / (G S)
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from ablations.paired_study import LEVEL, PairedStudy
from ablations.pairing import ComparisonError
from ablations.statistics.corrected_t import NAN, RESOLUTION, CorrectedT, Interval
from ablations.statistics.pooled_scores import Answers, read
from ser_core.metrics import Metric, find_metric
from ser_core.metrics.sums import confusion_counts, moments

FEWEST_SPEAKERS = 8
"""Minimum number of test speakers for a test. With fewer, speakers of unequal size make the variance too uncertain."""


@dataclasses.dataclass(frozen=True)
class Components:
    """What varies in contributions [seeds speakers], as parts of the squared standard error of their mean."""

    speaker: float
    """What speakers add: MS_speaker / (G S)."""
    seed: float
    """What seeds add: max(0, MS_seed - MS_both) / (G S); 0 with one seed, which cannot show it."""
    seed_square: float
    """MS_seed / (G S), for the degrees of freedom; 0 with one seed."""
    speakers: int
    seeds: int

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom, at least those of the seeds and at most those of the speakers.

        They take MS_seed whole: the part that seeds add is itself estimated from a few seeds, and is often 0 by chance.
        """
        most = self.speakers - 1
        if self.seeds < 2:
            return float(most)
        below = self.speaker**2 / most + self.seed_square**2 / (self.seeds - 1)
        return min(most, max(self.seeds - 1, (self.speaker + self.seed) ** 2 / below)) if below else float(most)


def components(contributions: np.ndarray) -> Components:
    """Returns the components of the variance of the mean of contributions [seeds speakers]."""
    seeds, speakers = contributions.shape
    if speakers < 2:
        return Components(NAN, 0.0, 0.0, speakers, seeds)
    rows, columns, mean = contributions.mean(axis=1), contributions.mean(axis=0), contributions.mean()
    by_speaker = seeds * float(columns.var(ddof=1))
    by_seed = both = 0.0
    if seeds > 1:
        by_seed = speakers * float(rows.var(ddof=1))
        both = float(((contributions - rows[:, None] - columns + mean) ** 2).sum()) / ((seeds - 1) * (speakers - 1))
    size = contributions.size
    return Components(by_speaker / size, max(0.0, by_seed - both) / size, by_seed / size, speakers, seeds)


def crossed_t(contributions: np.ndarray) -> CorrectedT:
    """Tests the mean of contributions [seeds speakers] against 0, for other speakers and other seeds.

    With one seed it is the t test over speakers, and says nothing about other seeds.

    >>> test = crossed_t(np.array([[.03, .05, .01, .04, .02]]))
    >>> round(test.mean.value, 3), round(test.p, 4), test.freedom
    (0.03, 0.0132, 4.0)
    """
    from scipy.special import stdtr, stdtrit

    found, mean = components(contributions), float(contributions.mean())
    error = math.sqrt(found.speaker + found.seed) if found.speakers > 1 else NAN
    if error < RESOLUTION and abs(mean) < RESOLUTION:
        return CorrectedT(Interval(0.0, 0.0, 0.0), p=1.0, error=0.0, n=found.speakers)
    if not error >= RESOLUTION:
        return CorrectedT(Interval(mean), p=NAN, error=NAN, n=found.speakers)
    freedom = found.freedom
    reach = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return CorrectedT(Interval(mean, mean - reach, mean + reach), p, error, found.speakers, freedom)


def speaker_contributions(study: PairedStudy) -> dict[str, np.ndarray]:
    """Returns each variant's contributions to its difference from the baseline [seeds speakers], on the study's metric.

    Leaves out variants without predictions, and differences that are undefined without some speaker. Empty for a metric that
    cannot be computed from sums per speaker.
    """
    parts = _parts(study)
    answers: dict[str, list[list[Answers]]] = {}
    try:
        for name, pairs in study.pairs.items():
            answers[name] = [read(pairs, part) for part in parts]
    except ComparisonError:
        return {}
    known = {name: found for name, found in answers.items() if found and all(found)}
    if study.baseline not in known:
        return {}
    speakers = np.unique(np.concatenate([one.speaker for found in known.values() for part in found for one in part]))
    metric = find_metric(parts[0])
    without = {name: np.mean([_without_each(part, metric, speakers) for part in found], axis=0) for name, found in known.items()}
    gaps = {name: values - without[study.baseline] for name, values in without.items() if name != study.baseline}
    found = {name: contributions(gap) for name, gap in gaps.items()}
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


def _parts(study: PairedStudy) -> list[str]:
    """Returns the scores whose mean is the study's metric: every dimension for mean CCC, else the metric itself."""
    mean_of = find_metric(study.metric).mean_of
    return [name for name in study.unconditional_metrics if name.startswith(f"{mean_of}.")] if mean_of else [study.metric]


def contributions(scores: np.ndarray) -> np.ndarray:
    """Returns contributions [seeds speakers] from scores of the whole part, then without each speaker [seeds 1 + speakers].

    >>> contributions(np.array([[2.0, 2.5, 2.0, 1.5]])).tolist()
    [[1.0, 2.0, 3.0]]
    """
    whole, without = scores[:, :1], scores[:, 1:]
    return whole + (without.shape[1] - 1) * (without.mean(axis=1, keepdims=True) - without)


def _without_each(answers: list[Answers], metric: Metric, speakers: np.ndarray) -> np.ndarray:
    """Returns the score of all speakers, then without each of them [seeds 1 + speakers]."""
    assert metric.vectorised
    sums_of = confusion_counts if metric.reads == "classes" else moments
    found = []
    for one in answers:
        sums = sums_of(one.target, one.predicted, np.searchsorted(speakers, one.speaker), len(speakers))
        total = sums.sum(axis=0, keepdims=True)
        found.append(metric.vectorised(np.concatenate([total, total - sums])))
    return np.array(found)


def tested_speakers(contributions: Mapping[str, np.ndarray]) -> int:
    """Returns the number of speakers behind the contributions; 0 if there are none."""
    return max((values.shape[1] for values in contributions.values()), default=0)
