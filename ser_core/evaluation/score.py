"""Scores of predictions, asked of the tasks that made them, and the headline by which an epoch is chosen.

predictions --each task's metrics--> scores of the part, and of women and men --headline of each task--> one number
"""

import math
from collections.abc import Mapping

from ser_core.metrics import GAP, GENDERS, METRICS, Metric, find_metric, mean_of, unconditional
from ser_core.metrics.prediction_columns import READERS, Columns, arrays
from ser_core.tasks import TASKS, TaskOption


def score(predictions: Columns) -> dict[str, float]:
    """Returns every metric that the columns of `predictions` (see TestPart) allow. Unlabelled utterances are left out."""
    predictions, found = arrays(predictions), dict[str, float]()
    for task in TASKS.values():
        found |= task.score(predictions)
    return found | by_gender(predictions)


def by_gender(predictions: Columns) -> dict[str, float]:
    """Returns the headline of each main task for women and for men, and the gap between them; {} unless the part has both."""
    found: dict[str, float] = {}
    if "gender" not in predictions:
        return found
    whole = arrays(predictions)
    groups = [{name: values[whole["gender"] == gender] for name, values in whole.items()} for gender in GENDERS]
    for task in TASKS.values():
        if task.helper or not task.headline:
            continue
        one, other = (_headline_of_group(task, group) for group in groups)
        if math.isfinite(one) and math.isfinite(other):
            values = (one, other, abs(one - other))
            found |= {f"{task.headline}.{part}": value for part, value in zip((*GENDERS, GAP), values, strict=True)}
    return found


def _headline_of_group(task: type[TaskOption], predictions: Columns) -> float:
    """Returns NaN if a part is undefined: a mean over other dimensions in each group would compare unlike things."""
    scores = task.score(predictions, task.headline_metrics())
    parts = METRICS[task.headline].mean_of
    return mean_of(parts, scores) if parts else scores.get(task.headline, math.nan)


def headline_scores(predictions: Columns) -> dict[str, float]:
    """Returns only the scores that `headline` reads. Early stopping needs them after every epoch."""
    found: dict[str, float] = {}
    for task in TASKS.values():
        found |= task.score(predictions, task.headline_metrics())
    return found


def headline(scores: Mapping[str, float]) -> float:
    """Returns the mean of the main tasks' headlines, UAR and mean CCC, as far as they exist.

    Helper tasks count only if no main task has a score; minus infinity if no task has one.

    >>> headline({"uar": 0.75, "ccc.valence": 0.25, "ccc.arousal": 0.75})
    0.625
    """
    scores = unconditional(scores)
    for helper in (False, True):
        found = [task.headline_score(scores) for task in TASKS.values() if task.headline and task.helper == helper]
        if defined := [value for value in found if math.isfinite(value)]:
            return sum(defined) / len(defined)
    return -math.inf


def columns_of(score: str) -> tuple[str, Metric]:
    """Returns the columns of predictions that a score reads, without `.target` and `.predicted`, and its metric.

    Raises KeyError for a score that no task has.

    >>> [columns_of(score)[0] for score in ("uar", "gender.uar", "ccc.valence")]
    ['emotion', 'gender', 'dimensions.valence']
    """
    metric = find_metric(score)
    for name, task in TASKS.items():
        if metric.reads in READERS[task.predicts] and score.startswith(".".join(filter(None, (task.prefix(), metric.name)))):
            part = score.removeprefix(".".join(filter(None, (task.prefix(), metric.name)))).removeprefix(".")
            return ".".join(filter(None, (name, part))), metric
    raise KeyError(score)
