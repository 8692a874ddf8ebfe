"""What a study's table has no column for: every metric as fold mean and pooled, who is taken for whom, how sure the model is.

    predictions of a seed, all folds together --score--> pooled        metrics of the folds --compare--> mean and interval
Pooled means all test utterances at once, never a mean of parts: a gap between women and men exists where every fold
tests one speaker, and CCC and ECE do not suffer from small parts. Seeds are scored one by one and averaged.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ablations.outcomes import Outcome, whole_metrics
from ablations.pairing import Pairs, pair
from ablations.report.tables import ABSENT, StudyTable, explanations, half_width, long_name, mean_references, number
from ablations.statistics.compare import Interval, compare_each
from ablations.statistics.predictions import by_seed, join_predictions
from ser_core.evaluation.metrics import CALIBRATION_BINS, TERMS, Bin, calibration, score
from ser_core.evaluation.prediction_columns import Columns, confidences, labelled_answers, likelihoods


@dataclasses.dataclass(frozen=True)
class Detail:
    """One metric of one variant. Fractions, or as it is where the metric is not printed in percent."""

    folds: Interval
    """Mean over folds, seeds averaged within a fold, with its 95 % interval; NaN where no fold has the metric."""
    pooled: float
    """All test utterances of a seed together, averaged over seeds; NaN where they do not allow it."""


@dataclasses.dataclass(frozen=True)
class Confusion:
    """How often each true class (rows) was taken for each class (columns), over all test parts and seeds."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Details:
    """The second table of a study, and what its last two drawings show."""

    metrics: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Detail]]
    """By variant and metric."""
    references: Mapping[str, Mapping[str, float]]
    """Fold means of the baseline's reference models; they leave no predictions to pool."""
    confusions: Mapping[str, Confusion]
    """By variant, of those that predict emotions."""
    bins: Mapping[str, tuple[Bin, ...]]
    """Confidence and accuracy by variant, over all test parts and seeds, of those that give probabilities."""


def study_details(table: StudyTable, outcomes: Sequence[Outcome]) -> Details:
    """The details of the study that `table` shows, its variants in the same order."""
    study = pair(outcomes, table.baseline, table.across)
    seen = {name: _seen(pairs) for name, pairs in study.items()}
    pooled = {name: one.pooled for name, one in seen.items()}
    measured = whole_metrics(outcomes)
    metrics = sorted({*measured, *(metric for scores in pooled.values() for metric in scores)}, key=_rank)
    folds = compare_each(outcomes, table.baseline, measured, table.across)
    scores = {
        name: {
            metric: Detail(folds[metric][name].score if metric in folds else Interval(), pooled[name].get(metric, math.nan))
            for metric in metrics
        }
        for name in study
    }
    return Details(
        metrics=tuple(metrics),
        scores=scores,
        references=mean_references([one for one in outcomes if one.variant == table.baseline], metrics),
        confusions={name: one.confusion for name, one in seen.items() if one.confusion},
        bins={name: one.bins for name, one in seen.items() if one.bins is not None},
    )


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What the predictions of one variant show."""

    pooled: Mapping[str, float]
    confusion: Confusion | None
    bins: tuple[Bin, ...] | None


def _seen(pairs: Pairs) -> _Seen:
    whole = join_predictions(pairs)
    pooled = _mean_scores([score(one) for one in by_seed(pairs, whole)])
    bins = tuple(calibration(*confidences(whole))) if likelihoods(whole) else None
    return _Seen(pooled, confusion(whole) if "emotion.target" in whole else None, bins)


def confusion(predictions: Columns) -> Confusion:
    """Counts over the classes that are true or predicted somewhere, in order of name."""
    import audmetric

    truth, predicted = labelled_answers(predictions, "emotion")
    classes = np.union1d(truth, predicted).tolist()
    counts = audmetric.confusion_matrix(truth.tolist(), predicted.tolist(), classes)
    return Confusion(tuple(classes), tuple(tuple(int(count) for count in row) for row in counts))


def details_columns(details: Details) -> list[str]:
    """Headings of the printed details."""
    return ["Metric", *details.scores, *details.references]


def details_cells(details: Details) -> list[list[str]]:
    """The printed details, a row per metric: of each variant the fold mean and in brackets the pooled value."""
    rows = []
    for metric in details.metrics:
        found = [_cell(scores[metric], metric) for scores in details.scores.values()]
        reference = [number(scores[metric], metric) for scores in details.references.values()]
        rows.append([long_name(metric), *found, *reference])
    return rows


def confusion_cells(one: Confusion) -> list[list[str]]:
    """A row per true class: its name, the percentage taken for each class, and how many answers that is."""
    rows = []
    for name, counts in zip(one.classes, one.counts, strict=True):
        total = sum(counts)
        rows.append([name, *(f"{100 * count / total:.0f}" if total else ABSENT for count in counts), str(total)])
    return rows


def details_notes(details: Details) -> list[str]:
    """What a reader has to know to read the details."""
    kinds = {metric.partition(".")[0] for metric in details.metrics}
    notes = [
        "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets the value over all test "
        "utterances together. References: mean over folds. Nothing here is tested.",
        f"{'; '.join(explanations(kind) for kind in TERMS if kind in kinds)}.",
    ]
    if any(metric.endswith(".gap") for metric in details.metrics):
        notes.append("The gap is the distance between women and men; a fold has one only where it tests both.")
    if "ece" in kinds:
        notes.append(
            f"ECE: {CALIBRATION_BINS} bins of equal width, likeliest class; too large in small parts: read the pooled value."
        )
    return notes


def _cell(one: Detail, metric: str) -> str:
    together = f" ({number(one.pooled, metric)})" if math.isfinite(one.pooled) else ""
    return half_width(one.folds, metric) + together


def _mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the seeds; a metric that a seed lacks is left out."""
    names = [name for name in scores[0] if all(name in each for each in scores)]
    return {name: math.fsum(each[name] for each in scores) / len(scores) for name in names}


def _rank(metric: str) -> tuple[int, bool, str]:
    """The order of TERMS, then by name, a gap after what it lies between."""
    kinds, kind = list(TERMS), metric.partition(".")[0]
    return kinds.index(kind) if kind in kinds else len(kinds), metric.endswith(".gap"), metric
