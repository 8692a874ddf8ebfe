"""Gain of each task from training with other tasks, next to the cosine of their gradients on the shared trunk.

variant with the task --its own metric, paired by seed and fold--> minus the variant that trains only this task --> gain
epoch logs of weighting.monitor --mean over epochs--> cosine of two tasks, by fold and seed
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

from ablations.outcomes import Outcome, with_mean
from ablations.paired_study import PairedStudy
from ablations.pairing import pair
from ablations.report.cells import ABSENT, half_width
from ablations.statistics.compare import compare
from ablations.statistics.corrected_t import Interval
from ablations.statistics.words import probability
from ser_core.metrics import find_metric
from ser_core.tasks import TASKS

HEADLINES = {name: task.headline_name() for name, task in TASKS.items() if task.headline}
"""The compared tasks and the metric of each."""


@dataclasses.dataclass(frozen=True)
class Cosine:
    """Mean, minimum and maximum over folds and seeds; NaN if no fold has a value."""

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Gain:
    """Gain of one task from training with others, on its own metric, as a fraction or CCC."""

    task: str
    company: tuple[str, ...]
    metric: str
    alone: Interval
    together: Interval
    difference: Interval
    """Score together minus score alone, with its 95 % interval."""
    p_holm: float
    """p after Holm over the combinations of this task."""
    cosines: Mapping[str, Cosine]
    """Cosine to each co-trained task."""

    @property
    def name(self) -> str:
        return f"{self.task} with {' + '.join(self.company)}"


def gains(study: PairedStudy) -> list[Gain]:
    """Returns the gain of every task of HEADLINES in every combination it was trained in. Skips tasks never trained alone.

    Pairs the variants of each task again, since each task has another baseline and Holm counts only its own combinations.
    """
    found = []
    for task, metric in HEADLINES.items():
        those = [with_mean(one, metric) for one in study.outcomes if task in tasks_of(one)]
        alone = next((one.variant for one in those if tasks_of(one) == (task,)), "")
        if not alone:
            continue
        compared = compare(pair(those, alone, metric, study.across))
        for variant, one in compared.items():
            if variant == alone:
                continue
            mine = [outcome for outcome in those if outcome.variant == variant]
            company = tuple(name for name in tasks_of(mine[0]) if name != task)
            cosines = {name: mean_cosine(mine, task, name) for name in company}
            found.append(Gain(task, company, metric, compared[alone].score, one.score, one.difference, one.p_holm, cosines))
    return found


def tasks_of(outcome: Outcome) -> tuple[str, ...]:
    """Returns the tasks of HEADLINES that the fold trained. Older records lack tasks that were added since."""
    tasks = outcome.record.config["tasks"]
    return tuple(name for name in HEADLINES if tasks.get(name, {}).get("weight", 0) > 0)


def mean_cosine(outcomes: Sequence[Outcome], one: str, other: str) -> Cosine:
    """Returns the cosine of two tasks' gradients: mean over the epochs of a fold, then over folds and seeds."""
    folds = []
    for outcome in outcomes:
        defined = _curve(outcome, one, other)
        folds += [math.fsum(defined) / len(defined)] if defined else []
    if not folds:
        return Cosine(math.nan, math.nan, math.nan)
    return Cosine(math.fsum(folds) / len(folds), min(folds), max(folds))


def gain_columns(found: Sequence[Gain]) -> tuple[str, ...]:
    """Returns the headings of the printed gains."""
    return ("Task", "Alone", "Together", "Gain", "Holm p", *(f"cosine to {name}" for name in _companions(found)))


def gain_cells(found: Sequence[Gain]) -> tuple[tuple[str, ...], ...]:
    """Returns the printed gains, one row per task and combination."""
    rows = []
    for gain in found:
        scores = [half_width(one, gain.metric) for one in (gain.alone, gain.together)]
        p = probability(gain.p_holm).removeprefix("= ") if math.isfinite(gain.p_holm) else ABSENT
        cosines = [_cosine(gain.cosines[name]) if name in gain.cosines else ABSENT for name in _companions(found)]
        name = f"{gain.task} ({find_metric(gain.metric).heading}) with {' + '.join(gain.company)}"
        rows.append((name, *scores, half_width(gain.difference, gain.metric, "+"), p, *cosines))
    return tuple(rows)


def matrix(found: Sequence[Gain]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Returns columns and rows of the matrix: what the task of a row gains from the task of a column, and from all others."""
    tasks = [name for name in HEADLINES if any(gain.task == name for gain in found)]
    by_company = {(gain.task, gain.company): half_width(gain.difference, gain.metric, "+") for gain in found}
    most = max((len(gain.company) for gain in found), default=0)
    rows = []
    for task in tasks:
        cells = [by_company.get((task, (other,)), ABSENT) for other in tasks]
        together = next(
            (cell for (name, company), cell in by_company.items() if name == task and len(company) == most > 1), ABSENT
        )
        rows.append((f"{task} ({find_metric(HEADLINES[task]).heading})", *cells, together))
    return ("Gain of", *(f"from {name}" for name in tasks), "from all others"), tuple(rows)


def cosines_by_epoch(study: PairedStudy) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Returns columns and rows of the cosines of two tasks' gradients in the course of training, by variant and pair of tasks.

    The columns are five epochs, from the first to the last. Each value is the mean over folds and seeds, with its standard
    deviation between them in brackets.
    """
    rows = []
    for variant, pairs in study.pairs.items():
        for one, other in itertools.combinations(tasks_of(next(iter(pairs.values()))), 2):
            curves = [curve for each in pairs.values() if (curve := _curve(each, one, other))]
            if curves:
                rows.append((f"{variant}: {one}, {other}", *(_at(curves, place / 4) for place in range(5))))
    return ("Variant and tasks", "first epoch", "at 1/4", "at 1/2", "at 3/4", "last epoch"), tuple(rows)


def _curve(outcome: Outcome, one: str, other: str) -> list[float]:
    """Returns the cosine of each epoch that has one."""
    values = [epoch.get(f"cosine.{one}.{other}", epoch.get(f"cosine.{other}.{one}")) for epoch in outcome.record.epochs]
    return [value for value in values if value is not None and math.isfinite(value)]


def _at(curves: Sequence[Sequence[float]], share: float) -> str:
    """Formats the cosine at a share of each curve: mean and standard deviation over curves."""
    values = [curve[round(share * (len(curve) - 1))] for curve in curves]
    spread = f" ({statistics.stdev(values):.3f})" if len(values) > 1 else ""
    return format(statistics.fmean(values), "+z.3f").replace("0.", ".", 1) + spread.replace("0.", ".")


def _companions(found: Sequence[Gain]) -> list[str]:
    return [name for name in HEADLINES if any(name in gain.cosines for gain in found)]


def _cosine(one: Cosine) -> str:
    if not math.isfinite(one.mean):
        return ABSENT
    mean, low, high = (format(value, "+z.3f").replace("0.", ".", 1) for value in (one.mean, one.low, one.high))
    return f"{mean} [{low}, {high}]"
