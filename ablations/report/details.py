"""Details beyond the study's table: every metric as fold mean and pooled, confusion matrices, and calibration.

    predictions of a seed, all folds together --score--> pooled        metrics of the folds --compare--> mean and interval
Pooled means scored on all test utterances at once, not a mean over folds. The gap between women and men is then defined even
when each fold tests one speaker, and CCC and ECE do not suffer from small folds. Each seed is scored separately, then averaged.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ablations.paired_study import PairedStudy, Pairs
from ablations.report.cells import ABSENT, half_width, long_name, number
from ablations.report.notes import POOLED_CCC, explanations
from ablations.report.tables import mean_references
from ablations.statistics.compare import compare
from ablations.statistics.corrected_t import Interval
from ablations.statistics.predictions import by_seed, join_predictions
from ser_core.evaluation.score import score
from ser_core.metrics import GAP, METRICS, place
from ser_core.metrics.calibration import CALIBRATION_BINS, Bin, calibration
from ser_core.metrics.prediction_columns import Columns, confidences, labelled_answers, likelihoods


@dataclasses.dataclass(frozen=True)
class Detail:
    """One metric of one variant, as a fraction for metrics printed in percent, and in its own unit otherwise."""

    folds: Interval
    """Mean over folds, seeds averaged within a fold, with its 95 % interval; NaN if no fold has the metric."""
    pooled: float
    """Score of all test utterances of a seed together, averaged over seeds; NaN if undefined."""


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Counts of predicted classes (columns) for each true class (rows), over all test parts and seeds."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @functools.cached_property
    def cells(self) -> list[list[str]]:
        """Returns one row per true class: its name, the percentage predicted as each class, and the number of predictions."""
        rows = []
        for name, counts in zip(self.classes, self.counts, strict=True):
            total = sum(counts)
            rows.append([name, *(f"{100 * count / total:.0f}" if total else ABSENT for count in counts), str(total)])
        return rows


@dataclasses.dataclass(frozen=True)
class Details:
    """The second table of a study, and the data of its last two figures."""

    metrics: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Detail]]
    """Details by variant and metric."""
    references: Mapping[str, Mapping[str, float]]
    """Fold means of the baseline's reference models, which store no predictions to pool."""
    confusions: Mapping[str, Confusion]
    """Confusion matrix by variant, for variants that predict emotions."""
    bins: Mapping[str, tuple[Bin, ...]]
    """Confidence and accuracy by variant, over all test parts and seeds, for variants with probabilities."""

    @functools.cached_property
    def columns(self) -> list[str]:
        """Returns the headings of the printed details."""
        return ["Metric", *self.scores, *self.references]

    @functools.cached_property
    def cells(self) -> list[list[str]]:
        """Returns the printed details: one row per metric, with each variant's fold mean and, in brackets, its pooled value."""
        rows = []
        for metric in self.metrics:
            found = [_cell(scores[metric], metric) for scores in self.scores.values()]
            reference = [number(scores[metric], metric) for scores in self.references.values()]
            rows.append([long_name(metric), *found, *reference])
        return rows

    @functools.cached_property
    def notes(self) -> list[str]:
        """Returns the notes that explain the details."""
        kinds = {metric.partition(".")[0] for metric in self.metrics}
        notes = [
            "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets the value over all test "
            "utterances together. References: mean over folds. Nothing here is tested.",
            f"{'; '.join(explanations(kind) for kind in METRICS if kind in kinds)}.",
        ]
        if any(metric.endswith(f".{GAP}") for metric in self.metrics):
            notes.append("The gap is the distance between women and men; a fold has one only if it tests both.")
        if "ccc" in kinds:
            notes.append(POOLED_CCC)
        if "ece" in kinds:
            notes.append(
                f"ECE: {CALIBRATION_BINS} bins of equal width, most likely class; too large on small folds, so read the pooled "
                "value."
            )
        return notes


def study_details(study: PairedStudy) -> Details:
    """Returns the details of a study, with variants in the same order."""
    seen = {name: _seen(pairs) for name, pairs in study.pairs.items()}
    pooled = {name: one.pooled for name, one in seen.items()}
    folds = {metric: compare(study.on(metric)) for metric in study.unconditional_metrics}
    metrics = sorted({*folds, *(metric for scores in pooled.values() for metric in scores)}, key=place)
    scores = {
        name: {
            metric: Detail(folds[metric][name].score if metric in folds else Interval(), pooled[name].get(metric, math.nan))
            for metric in metrics
        }
        for name in study.pairs
    }
    return Details(
        metrics=tuple(metrics),
        scores=scores,
        references=mean_references(study, metrics),
        confusions={name: one.confusion for name, one in seen.items() if one.confusion},
        bins={name: one.bins for name, one in seen.items() if one.bins is not None},
    )


@dataclasses.dataclass(frozen=True)
class _Seen:
    """Values computed from the predictions of one variant."""

    pooled: Mapping[str, float]
    confusion: Confusion | None
    bins: tuple[Bin, ...] | None


def _seen(pairs: Pairs) -> _Seen:
    whole = join_predictions(pairs)
    pooled = _mean_scores([score(one) for one in by_seed(pairs, whole)])
    bins = tuple(calibration(*confidences(whole))) if likelihoods(whole) else None
    return _Seen(pooled, confusion(whole) if "emotion.target" in whole else None, bins)


def confusion(predictions: Columns) -> Confusion:
    """Counts over all classes that occur as truth or prediction, sorted by name."""
    import audmetric

    truth, predicted = labelled_answers(predictions, "emotion")
    classes = np.union1d(truth, predicted).tolist()
    counts = audmetric.confusion_matrix(truth.tolist(), predicted.tolist(), classes)
    return Confusion(tuple(classes), tuple(tuple(int(count) for count in row) for row in counts))


def _cell(one: Detail, metric: str) -> str:
    together = f" ({number(one.pooled, metric)})" if math.isfinite(one.pooled) else ""
    return half_width(one.folds, metric) + together


def _mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each metric over seeds. Metrics that a seed lacks are left out."""
    names = [name for name in scores[0] if all(name in each for each in scores)]
    return {name: math.fsum(each[name] for each in scores) / len(scores) for name in names}
