"""Scores over all test utterances together, with intervals over speakers.

    predictions --per speaker--> sums [speakers ...] --redraw speakers--> totals --formula--> scores --spread x t--> interval
Utterances of one speaker are correlated, so the bootstrap redraws whole speakers with replacement (cluster bootstrap; Davison &
Hinkley 1997, section 3.8). Each seed is pooled separately and averaged within each redraw. Percentiles of redraws, even expanded
ones (Hesterberg 2015, The American Statistician 69:371), are too narrow for 5 speakers: 8 % of true nulls were rejected. The
redraws therefore give only the standard error, and Student's t with speakers - 1 degrees of freedom gives the quantile (Cameron,
Gelbach & Miller 2008, Review of Economics and Statistics 90:414). Intervals treat the trained models as fixed.
"""

import contextlib
import dataclasses
import math

import numpy as np
import pandas as pd

from ablations.paired_study import LEVEL, PairedStudy, Pairs
from ablations.pairing import ComparisonError
from ablations.statistics.bounds import bounded
from ablations.statistics.corrected_t import Interval
from ablations.statistics.predictions import by_seed, join_predictions
from ser_core.evaluation.score import columns_of
from ser_core.metrics import METRICS, Metric, find_metric
from ser_core.metrics.sums import confusion_counts, moments


@dataclasses.dataclass(frozen=True)
class Pooled:
    """One variant on all test utterances, as fractions or raw CCC. Interval ends are NaN with a single speaker."""

    score: Interval
    difference: Interval
    """Variant minus baseline on the same utterances and the same redrawn speakers; NaN for the baseline itself."""
    speakers: int


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """One seed's predictions over all folds, sorted by utterance: class names for a class task, floats for a dimension."""

    utterance: np.ndarray
    speaker: np.ndarray
    target: np.ndarray
    predicted: np.ndarray


def pooled_scores(study: PairedStudy, *, redraws: int = 2000, seed: int = 0) -> dict[str, Pooled]:
    """Returns each variant's pooled score and its difference to the baseline, with 95 % bootstrap intervals over speakers.

    A variant without the predictions that the study's metric needs gets NaN. Raises ComparisonError when two variants
    were tested on different utterances, and for metrics other than UAR, WA, macro-F1 and CCC.
    """
    metric, baseline = find_metric(study.metric), study.baseline
    answers = {name: read(pairs, study.metric) for name, pairs in study.pairs.items()}
    known = {name: by_seed for name, by_seed in answers.items() if by_seed}
    _check_utterances(known)
    if not known:
        return {name: Pooled(Interval(), Interval(), 0) for name in answers}
    speakers = np.unique(np.concatenate([one.speaker for by_seed in known.values() for one in by_seed]))
    weights = draw(len(speakers), redraws, seed)
    points = {name: float(np.mean([point(one, metric) for one in by_seed])) for name, by_seed in known.items()}
    moved = {
        name: np.mean([redraw(one, metric, speakers, weights) for one in by_seed], axis=0) for name, by_seed in known.items()
    }
    found = {}
    for name in answers:
        score = interval(points[name], moved[name], len(speakers), metric.bounds) if name in known else Interval()
        paired = name in known and baseline in known and name != baseline
        gap = Interval()
        if paired:
            gap = interval(points[name] - points[baseline], moved[name] - moved[baseline], len(speakers))
            gap = bounded(gap, study.metric, difference=True)
        found[name] = Pooled(score, gap, len(speakers))
    return found


def read(pairs: Pairs, metric: str) -> list[Answers]:
    """Returns the labelled predictions for `metric`, per seed; empty when a fold has none."""
    column = _columns(metric)
    names = ("utterance", "speaker", f"{column}.target", f"{column}.predicted")
    whole = join_predictions(pairs, names)
    if f"{column}.target" not in whole:
        return []
    answers = [_sorted(Answers(*(one[name] for name in names))) for one in by_seed(pairs, whole)]
    return answers if all(len(one.utterance) for one in answers) else []


def _columns(metric: str) -> str:
    """Returns the columns of predictions that `metric` reads. Raises ComparisonError for one that cannot be redrawn."""
    if find_metric(metric).vectorised:
        with contextlib.suppress(KeyError):
            return columns_of(metric)[0]
    known = [f"{name}.<dimension>" if one.reads == "ratings" else name for name, one in METRICS.items() if one.vectorised]
    raise ComparisonError(f"no pooled score for {metric!r}; choose {', '.join(known[:-1])} or {known[-1]}")


def _sorted(answers: Answers) -> Answers:
    """Returns the labelled answers, sorted by utterance."""
    labelled = answers.target != "" if answers.target.dtype.kind == "U" else ~np.isnan(answers.target)
    kept = np.flatnonzero(labelled)
    rows = kept[np.argsort(answers.utterance[kept], kind="stable")]
    return Answers(*(getattr(answers, field.name)[rows] for field in dataclasses.fields(answers)))


def point(answers: Answers, metric: Metric) -> float:
    """Returns the score of the predictions without redrawing."""
    assert metric.formula
    value = metric.formula(answers.target, answers.predicted)
    assert isinstance(value, float)
    return value


def draw(speakers: int, redraws: int, seed: int) -> np.ndarray:
    """Returns how often each redraw contains each speaker [redraws speakers]."""
    return np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), size=redraws)


def speaker_interval(predictions: pd.DataFrame, metric: str, redraws: int = 2000, seed: int = 0) -> Interval:
    """Returns a score of one table of predictions with its 95 % interval over speakers.

    `predictions` has the columns of TestPart.predictions. The interval has no ends with a single speaker. Raises
    ComparisonError for metrics that cannot be redrawn.
    """
    answers = answers_of(predictions, metric)
    speakers, found = np.unique(answers.speaker), find_metric(metric)
    moved = redraw(answers, found, speakers, draw(len(speakers), redraws, seed))
    return interval(point(answers, found), moved, len(speakers), found.bounds)


def speaker_difference(one: pd.DataFrame, other: pd.DataFrame, metric: str, redraws: int = 2000, seed: int = 0) -> Interval:
    """Returns the score of `one` minus that of `other` with its 95 % interval, both under the same redrawn speakers.

    The ends may lie beyond the scale, so that a test can be made from their distance. Raises ComparisonError when the tables
    hold different utterances, and for metrics that cannot be redrawn.
    """
    both, found = [answers_of(table, metric) for table in (one, other)], find_metric(metric)
    if not np.array_equal(both[0].utterance, both[1].utterance):
        odd = np.setxor1d(both[0].utterance, both[1].utterance)
        raise ComparisonError(f"they were tested on different utterances, such as {str(odd[0])!r}")
    speakers = np.unique(both[0].speaker)
    weights = draw(len(speakers), redraws, seed)
    first, second = (redraw(answers, found, speakers, weights) for answers in both)
    return interval(point(both[0], found) - point(both[1], found), first - second, len(speakers))


def answers_of(predictions: pd.DataFrame, metric: str) -> Answers:
    """Returns the labelled answers that a metric reads. Raises ComparisonError for a metric that cannot be redrawn."""
    column = _columns(metric)
    kind = str if find_metric(metric).reads == "classes" else float
    named = [predictions[name].to_numpy() for name in ("utterance", "speaker")]
    return _sorted(
        Answers(*named, *(predictions[f"{column}.{part}"].to_numpy().astype(kind) for part in ("target", "predicted")))
    )


def redraw(answers: Answers, metric: Metric, speakers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the score under each redraw [redraws]; NaN if undefined, and with a single speaker."""
    if len(speakers) < 2:
        return np.full(len(weights), float("nan"))
    row = np.searchsorted(speakers, answers.speaker)
    assert metric.vectorised
    sums = confusion_counts if metric.reads == "classes" else moments
    by_speaker = sums(answers.target, answers.predicted, row, len(speakers))
    return metric.vectorised(np.tensordot(weights, by_speaker, axes=1))


def interval(value: float, redraws: np.ndarray, speakers: int, bounds: tuple[float, float] | None = None) -> Interval:
    """Returns the value with its 95 % interval. The ends are NaN when no redraw is defined, and with a single speaker.

    The half width is Student's t times the standard deviation of the redraws, corrected since the latter is too small by
    sqrt((n - 1) / n) for n speakers. Near one of its `bounds`, an interval should be longer on the other side, so it is
    computed on a scale that moves the bounds to infinity (logit of a share, Fisher's z of CCC).

    >>> redraws = np.array([.93, .97] * 9)
    >>> [round(end, 3) for bounds in (None, (0, 1)) for end in dataclasses.astuple(interval(.95, redraws, 9, bounds))]
    [0.95, 0.901, 0.999, 0.95, 0.872, 0.982]
    """
    from scipy.special import stdtrit

    defined = redraws[np.isfinite(redraws)]
    if not len(defined) or speakers < 2:
        return Interval(value)
    error = math.sqrt(speakers / (speakers - 1)) * float(defined.std())
    reach = float(stdtrit(speakers - 1, 1 - LEVEL / 2)) * error
    low, high = bounds or (-math.inf, math.inf)
    if not (bounds and low < value < high):
        return Interval(value, max(low, value - reach), min(high, value + reach))
    middle, half = (low + high) / 2, (high - low) / 2
    place = (value - middle) / half
    centre, step = math.atanh(place), reach / half / (1 - place**2)
    return Interval(value, middle + half * math.tanh(centre - step), middle + half * math.tanh(centre + step))


def _check_utterances(known: dict[str, list[Answers]]) -> None:
    """Checks that all variants and seeds cover the same utterances."""
    for name, seeds in known.items():
        first, expected = next((other, answers[0]) for other, answers in known.items())
        for one in seeds:
            if not np.array_equal(one.utterance, expected.utterance):
                odd = np.setxor1d(one.utterance, expected.utterance)
                example = f", such as {str(odd[0])!r}" if len(odd) else ""
                raise ComparisonError(
                    f"{name!r} and {first!r} were tested on different utterances{example}; "
                    "run the study again with the same corpus for every variant and seed"
                )
