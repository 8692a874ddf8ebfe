"""Objectives and constraints of a search. Both use only the development part of fold records.

--objective uar --objective "mean(ccc)"         one value per fold; internally, more is better
--constraint "parameters<1e6"                    one value per trial, at most 0 when the bound is met
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence

from ser_core.cross_validation.records import FoldRecord
from ser_core.errors import SettingError, nearest
from ser_core.evaluation.score import headline
from ser_core.metrics import METRICS, less_is_better

HEADLINE = "headline"
"""The score that selects epochs: the mean of UAR and mean CCC, or the one that exists."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """A development metric, or the mean of all metrics of a kind, such as `mean(ccc)`."""

    name: str

    @property
    def sign(self) -> int:
        """1, or -1 if less is better. Raises SettingError when the metric does not exist."""
        kind = re.fullmatch(r"mean\((\w+)\)", self.name)
        metric = kind[1] if kind else self.name
        if metric == HEADLINE:
            return 1
        if not {metric.partition(".")[0], metric.rpartition(".")[2]} & set(METRICS):
            known = [HEADLINE, *METRICS, "mean(ccc)"]
            near = nearest(self.name, known)
            raise SettingError(f"--objective {self.name}: no such metric{near}; choose from {', '.join(known)}")
        return -1 if less_is_better(metric) else 1

    def of(self, dev: Mapping[str, float]) -> float:
        """Returns the value of one fold in the metric's own direction; NaN if it has none, e.g. when the task is not trained."""
        if self.name == HEADLINE:
            return headline(dev)
        if self.name.startswith("mean("):
            values = [value for name, value in dev.items() if name.startswith(f"{self.name[5:-1]}.")]
        else:
            values = [dev[self.name]] if self.name in dev else []
        return sum(values) / len(values) if values else math.nan


MEASURES: dict[str, Callable[[Sequence[FoldRecord]], float]] = {
    "parameters": lambda folds: max(fold.sizes["parameters"] for fold in folds),
    "seconds": lambda folds: sum(fold.seconds for fold in folds) / len(folds),
    "seconds_per_utterance": lambda folds: sum(fold.seconds for fold in folds) / sum(fold.sizes["train"] for fold in folds),
    "memory_gb": lambda folds: max(fold.spent.get("memory_gb", math.nan) for fold in folds),
    "gpu_memory_gb": lambda folds: max(fold.spent.get("gpu_memory_gb", math.nan) for fold in folds),
}
"""Measures that a constraint may bound: model size, mean training seconds per fold or utterance, peak memory of any fold."""


@dataclasses.dataclass(frozen=True)
class Constraint:
    """An upper bound on the cost of a trial."""

    measure: str
    bound: float

    @classmethod
    def read(cls, text: str) -> "Constraint":
        """Parses text such as `parameters<1e6`. Raises SettingError for anything else."""
        found = re.fullmatch(r"\s*(\w+)\s*<=?\s*([\d.eE+-]+)\s*", text)
        if not found or found[1] not in MEASURES:
            raise SettingError(f"--constraint {text!r}: write MEASURE<NUMBER, where MEASURE is one of {', '.join(MEASURES)}")
        try:
            return cls(found[1], float(found[2]))
        except ValueError:
            raise SettingError(f"--constraint {text!r}: {found[2]} is not a number") from None

    def __str__(self) -> str:
        return f"{self.measure}<{self.bound:g}"

    def excess(self, folds: Sequence[FoldRecord]) -> float:
        """Returns how far the trial exceeds the bound; at most 0 if it is met. Raises SettingError if it was not recorded."""
        measured = MEASURES[self.measure](folds)
        if math.isnan(measured):
            raise SettingError(f"--constraint {self}: the records in this store are older than this measure; leave it out")
        return measured - self.bound


@dataclasses.dataclass(frozen=True)
class Goal:
    """The objectives and constraints of a search."""

    objectives: tuple[Objective, ...] = (Objective(HEADLINE),)
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def read(cls, objectives: Sequence[str], constraints: Sequence[str]) -> "Goal":
        """Parses the command-line options. Raises SettingError when one is invalid."""
        goal = cls(
            tuple(Objective(name) for name in objectives) or cls.objectives, tuple(Constraint.read(text) for text in constraints)
        )
        if len(set(goal.objectives)) < len(goal.objectives):
            raise SettingError("--objective names the same metric twice; leave one out")
        # Looks up every metric now and not after the first trained fold.
        _ = goal.signs
        return goal

    @property
    def signs(self) -> tuple[int, ...]:
        """Sign of each objective: 1, or -1 if less is better."""
        return tuple(objective.sign for objective in self.objectives)

    def values(self, record: FoldRecord) -> tuple[float, ...]:
        """Returns a fold's value per objective, signed so that more is better; NaN where undefined."""
        return tuple(sign * objective.of(record.dev) for sign, objective in zip(self.signs, self.objectives, strict=True))


def front(values: Sequence[Sequence[float]]) -> list[int]:
    """Returns the indices of the Pareto front (more is better).

    A point is on the front if no other point equals or beats it in every objective and beats it in at least one.

    >>> front([(1.0, 0.0), (0.0, 1.0), (0.0, 0.5)])
    [0, 1]
    """
    return [
        index
        for index, own in enumerate(values)
        if not any(all(b >= a for a, b in zip(own, other, strict=True)) and tuple(other) != tuple(own) for other in values)
    ]
