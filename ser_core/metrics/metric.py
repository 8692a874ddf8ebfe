"""What a metric is: its names, its formula, what the formula reads, how it is printed, and where it stands in a table."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """One metric of the field, by definition and under one name."""

    name: str
    """Name in records, tables and MLflow."""
    heading: str
    """Name in print, such as UAR."""
    meaning: str
    """The name in full, as the notes of a table print it."""
    reads: str
    """What the formula compares: classes, confidences (and whether each is right), votes (and probabilities), ratings, texts, or
    scores (see `mean_of`)."""
    formula: Callable[[np.ndarray, np.ndarray], float | dict[str, float]] | None = None
    """Computes the metric from truth and prediction; a formula that returns a dict gives one score per class."""
    vectorised: Callable[[np.ndarray], np.ndarray] | None = None
    """The same formula for many redraws at once [draws], from `confusion_counts` for classes and from `moments` for ratings.
    Metrics without it have no bootstrap interval."""
    mean_of: str = ""
    """Name of the metric whose scores this one averages; empty for a metric with its own formula."""
    aliases: tuple[str, ...] = ()
    """Other names of the same metric. A name stands for one metric only."""
    percent: bool = True
    """Whether it is printed in percent with two decimals; otherwise it is printed unscaled with three."""
    less_is_better: bool = False
    """Whether a smaller value is better."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest possible value."""
    column: bool = False
    """Whether it has a column in a study's table. The table of details has all metrics."""
    helpers: bool = False
    """Whether it is also computed for helper tasks."""
    headings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Short column headings of well-known parts, such as V for valence, in the order of the columns."""

    def scores(self, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        """Returns the score under ""; with a formula per class, one score under each class."""
        assert self.formula
        value: Any = self.formula(truth, predicted)
        return value if isinstance(value, dict) else {"": value}
