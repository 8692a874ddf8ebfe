"""Gain of each task from training with other tasks, next to the cosine of their gradients on the shared trunk.

variant with the task --its own metric, paired by seed and fold--> minus the variant that trains only this task --> gain
epoch logs of weighting.monitor --mean over epochs--> cosine of two tasks, by fold and seed
"""

import dataclasses
import math
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
        values = [epoch.get(f"cosine.{one}.{other}", epoch.get(f"cosine.{other}.{one}")) for epoch in outcome.record.epochs]
        defined = [value for value in values if value is not None and math.isfinite(value)]
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


def _companions(found: Sequence[Gain]) -> list[str]:
    return [name for name in HEADLINES if any(name in gain.cosines for gain in found)]


def _cosine(one: Cosine) -> str:
    if not math.isfinite(one.mean):
        return ABSENT
    mean, low, high = (format(value, "+.3f").replace("0.", ".", 1) for value in (one.mean, one.low, one.high))
    return f"{mean} [{low}, {high}]"
