"""Which metrics have verdicts: those that you name, else the study's own and every dimension that it trains.

--metric NAME ... | study.primary + ccc.<dimension>, as far as the baseline has them --> PairedStudy.verdict_metrics
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome, metrics_of
from ablations.statistics.bounds import bounds_of
from ser_core.errors import SettingError, nearest
from ser_core.evaluation.score import columns_of
from ser_core.metrics import METRICS, find_metric


def verdict_metrics(asked: Sequence[str], primary: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Returns the metrics of the verdicts, first the one that tables are about."""
    if asked:
        return tuple(dict.fromkeys(asked))
    first = primary_metric(primary, outcomes)
    return tuple(dict.fromkeys([first, *(name for name in _of_baseline(outcomes) if _is_dimension(name))]))


def primary_metric(wanted: str, outcomes: Sequence[Outcome]) -> str:
    """Returns the metric for the verdicts: the study's own, or a fallback when the baseline does not have it.

    The fallback is the first metric in the order of the table: UAR, WA, macro-F1 and CCC, then the UAR of a helper task.
    """
    measured = _of_baseline(outcomes)
    return wanted if wanted in measured else measured[0]


def check_metric(metric: str) -> None:
    """Raises SettingError for a metric that no task has."""
    try:
        known = bool(find_metric(metric).mean_of) or bool(columns_of(metric))
    except KeyError:
        known = False
    if not known:
        names = [f"{name}.<dimension>" if one.reads == "ratings" else name for name, one in METRICS.items()]
        raise SettingError(f"--metric {metric}: no such metric{nearest(metric, METRICS)}; choose from {', '.join(names)}")


def check_size(option: str, size: float, metrics: Sequence[str] = ()) -> None:
    """Raises SettingError for a difference that is not above 0, or that no two scores can have.

    `metrics` are those of the verdicts; without them, the difference is one of scores in percent.
    """
    most = min((bounds_of(metric, difference=True)[1] for metric in metrics), default=1.0)
    if not 0 < size < most or math.isinf(size):
        limit = "" if math.isinf(most) else f" and below {most:g}"
        raise SettingError(f"{option} is a fraction above 0{limit} (.02 is 2 points), got {size:g}; try {option} .02")


def check_trained(metrics: Iterable[str], tasks: Mapping[str, Any], dimensions: Sequence[str]) -> None:
    """Raises SettingError, before anything is trained, for a metric of a task or dimension that the baseline does not train.

    `tasks` are the weights of the tasks, `dimensions` those that the corpus rates.
    """
    for metric in metrics:
        check_metric(metric)
        task, _, part = "dimensions..".partition(".") if find_metric(metric).mean_of else columns_of(metric)[0].partition(".")
        if not tasks.get(task, 0):
            raise SettingError(f"--metric {metric}: the baseline does not train {task}; set tasks.{task}.weight above 0")
        if task == "dimensions" and part.strip(".") and part not in dimensions:
            rated = ", ".join(dimensions) or "none"
            raise SettingError(f"--metric {metric}: the corpus does not rate {part}; it rates {rated}")


def _of_baseline(outcomes: Sequence[Outcome]) -> list[str]:
    return metrics_of(one for one in outcomes if one.variant == outcomes[0].variant)


def _is_dimension(metric: str) -> bool:
    return metric.startswith("ccc.") and "@" not in metric
