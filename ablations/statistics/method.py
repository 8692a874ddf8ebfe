"""The interface of a comparison method: its input (Evidence) and its output (cells of a table).

PairedStudy --baseline and variant--> Evidence of each variant --Method.cells--> cells of a table
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ablations.paired_study import PairedStudy, Pairs
from ablations.pairing import ComparisonError
from ablations.statistics.pooled_scores import read
from ser_core.metrics import find_metric, less_is_better


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Data of one variant against the baseline on one metric."""

    metric: str
    gaps: np.ndarray
    """Variant minus baseline [seeds folds], signed so that above 0 is better; NaN if either has no score."""
    test_to_train: float
    """Ratio of test to training utterances, mean over folds."""
    margin: float
    """Smallest difference that matters."""
    right: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Per seed, whether baseline and variant are correct on each utterance [utterances]; empty for metrics without classes."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of comparison, shown as columns of a table."""

    columns: tuple[str, ...]
    cells: Callable[[Evidence], tuple[str, ...]]
    """Returns the cells under `columns` for one variant."""
    note: str
    """Note for readers: formula, source, assumption."""
    keeps_its_level: bool
    """Whether it errs in 3 to 7 % of simulated studies at a nominal 5 % (or has no rate). If not, only the report shows it."""


def evidence(study: PairedStudy) -> dict[str, Evidence]:
    """Returns the evidence on the study's metric for every variant except the baseline."""
    metric, baseline, sign = study.metric, study.baseline, -1 if less_is_better(study.metric) else 1
    scores = {name: sign * values for name, values in study.scores().items()}
    answers = {name: _right(pairs, metric) for name, pairs in study.pairs.items()}
    return {
        name: Evidence(
            metric, values - scores[baseline], study.test_to_train, study.margin, _together(answers[baseline], answers[name])
        )
        for name, values in scores.items()
        if name != baseline
    }


def _right(pairs: Pairs, metric: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns, per seed, the sorted utterances and whether each is correct; empty for metrics without classes."""
    try:
        answers = read(pairs, metric) if find_metric(metric).reads == "classes" else []
    except ComparisonError:
        return []
    return [(one.utterance, one.target == one.predicted) for one in answers]


def _together(ours: list[tuple[np.ndarray, np.ndarray]], theirs: list[tuple[np.ndarray, np.ndarray]]) -> tuple:
    """Pairs both sides' answers seed by seed; empty unless they cover the same utterances."""
    if len(ours) != len(theirs) or any(not np.array_equal(one[0], other[0]) for one, other in zip(ours, theirs, strict=True)):
        return ()
    return tuple((one[1], other[1]) for one, other in zip(ours, theirs, strict=True))
