"""What a method of comparison is given, and what it hands to the report.

outcomes --pair by (seed, fold)--> Evidence of each variant --Method.cells--> words of a table
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ablations.outcomes import Outcome
from ablations.pairing import ComparisonError, pair
from ablations.statistics.compare import scores_of, size_ratio
from ablations.statistics.pooled_scores import read
from ser_core.evaluation.metrics import less_is_better


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """One variant against the baseline on one metric."""

    metric: str
    gaps: np.ndarray
    """Variant less baseline [seeds folds], turned so that above 0 is better; NaN where either has no score."""
    test_to_train: float
    """Ratio of test to training utterances, mean over folds."""
    right: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Per seed, whether baseline and variant answer each utterance rightly [utterances]; empty where nothing is a class."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to look at the same differences, as columns of a table."""

    columns: tuple[str, ...]
    cells: Callable[[Evidence], tuple[str, ...]]
    """The words under `columns`, for one variant."""
    note: str
    """What is needed to read them: formula, source, assumption."""
    keeps_its_level: bool
    """Whether it errs in 3 to 7 % of simulated studies where it promises 5 (or promises none): else the report alone shows it."""


def evidence(outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = ()) -> dict[str, Evidence]:
    """The evidence for every variant but the baseline. Raises ComparisonError as `pair` does."""
    study, ratio, sign = pair(outcomes, baseline, across), size_ratio(outcomes), -1 if less_is_better(metric) else 1
    scores = {name: sign * scores_of(pairs, metric) for name, pairs in study.items()}
    answers = {name: _right(pairs, metric) for name, pairs in study.items()}
    return {
        name: Evidence(metric, values - scores[baseline], ratio, _together(answers[baseline], answers[name]))
        for name, values in scores.items()
        if name != baseline
    }


def _right(pairs: dict, metric: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per seed: utterances, sorted, and whether each was answered rightly; empty for metrics that are not of classes."""
    try:
        answers = read(pairs, metric) if not metric.startswith("ccc.") else []
    except ComparisonError:
        return []
    return [(one.utterance, one.target == one.predicted) for one in answers]


def _together(ours: list[tuple[np.ndarray, np.ndarray]], theirs: list[tuple[np.ndarray, np.ndarray]]) -> tuple:
    """Both sides' answers, seed by seed; empty unless they are for the same utterances."""
    if len(ours) != len(theirs) or any(not np.array_equal(one[0], other[0]) for one, other in zip(ours, theirs, strict=True)):
        return ()
    return tuple((one[1], other[1]) for one, other in zip(ours, theirs, strict=True))
