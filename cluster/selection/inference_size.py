"""The size of a model at inference: its parameters without the heads of tasks that the objectives do not score."""

import re
from collections.abc import Collection, Sequence

from cluster.search.objectives import HEADLINE
from ser_core.cross_validation.records import FoldRecord
from ser_core.metrics import METRICS, find_metric
from ser_core.metrics.prediction_columns import READERS
from ser_core.tasks import TASKS


def inference_parameters(record: FoldRecord, objectives: Sequence[str]) -> int:
    """Returns the parameters needed to predict the tasks that these metrics score.

    Older records do not know the sizes of heads, so their helper heads count too. The whole model counts if no task is scored.
    """
    trained = [name for name in TASKS if record.config["tasks"].get(name, {}).get("weight", 0) > 0]
    scored = scored_tasks(objectives, trained)
    unused = [name for name in trained if name not in scored] if scored else []
    return record.sizes["parameters"] - sum(record.sizes.get(f"{name}.parameters", 0) for name in unused)


def scored_tasks(metrics: Sequence[str], trained: Collection[str]) -> list[str]:
    """Returns the trained tasks that any of these metrics scores.

    >>> trained = ["emotion", "dimensions", "gender"]
    >>> [scored_tasks([each], trained) for each in ("uar", "mean(ccc)", "ccc.valence", "gender.uar", "headline")]
    [['emotion'], ['dimensions'], ['dimensions'], ['gender'], ['emotion', 'dimensions']]
    """
    return [task for task in trained if any(_scores(metric, task, trained) for metric in metrics)]


def _scores(metric: str, task: str, trained: Collection[str]) -> bool:
    kind = TASKS[task]
    if metric == HEADLINE:
        # The score that selects epochs watches helper tasks only if no main task is trained.
        return bool(kind.headline) and (not kind.helper or all(TASKS[name].helper for name in trained))
    name = re.sub(r"mean\((\w+)\)", r"\1", metric)
    helped = any(name.startswith(f"{other}.") for other, option in TASKS.items() if option.helper)
    if kind.helper or helped:
        return kind.helper and name.startswith(f"{task}.")
    found = find_metric(name)
    reads = METRICS[found.mean_of].reads if found.mean_of else found.reads
    return reads in READERS[kind.predicts]
