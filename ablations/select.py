"""Chooses a winner among finalists that were trained again, by development score, preferring the simpler model.

    finalists --fresh seeds, all folds--> [seed fold] --mean--> best --within one standard error of it?--> the simplest of them
This is the one-standard-error rule (Breiman et al. 1984, Classification and Regression Trees, 3.4.3). The standard error is
that of the difference to the best, paired by fold and corrected for overlapping training sets (Nadeau & Bengio 2003). The
standard error of the best score itself would be too large, since speakers differ far more than configurations.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ablations.pairing import ComparisonError
from ablations.statistics.corrected_t import NAN, CorrectedT, corrected_t, holm, over_seeds
from ablations.statistics.words import probability


@dataclasses.dataclass(frozen=True)
class Finalist:
    """A configuration that was trained again, with its development scores."""

    name: str
    values: np.ndarray
    """Deciding score [seeds folds]; more is better, NaN if a fold has none."""
    parameters: int
    tasks: int
    """Number of tasks with a weight above 0."""

    @property
    def size(self) -> tuple[int, int]:
        """Size for "simpler": first the number of parameters, then the number of tasks."""
        return self.parameters, self.tasks

    @property
    def mean(self) -> float:
        """Mean over folds, seeds averaged within each."""
        return float(over_seeds(self.values).mean())


@dataclasses.dataclass(frozen=True)
class Standing:
    """A finalist compared with the best one."""

    finalist: Finalist
    behind: CorrectedT
    """Best minus this one, paired by fold."""
    p_holm: float
    error: float
    """Corrected standard error of that difference; 0 for the best itself."""

    @property
    def within(self) -> bool:
        """Whether it is at most one standard error behind the best."""
        return self.behind.mean.value <= self.error


@dataclasses.dataclass(frozen=True)
class Selection:
    """The chosen finalist, the best one, and the standing of all, best first."""

    chosen: str
    best: str
    standings: tuple[Standing, ...]
    why: str


def select(finalists: Sequence[Finalist], dev_to_train: float, score: str = "score") -> Selection:
    """Selects the simplest finalist within one standard error of the best, or the better of two equally simple ones.

    Raises ComparisonError when no finalist has a score, or when they were not trained over the same folds and seeds.
    """
    if not finalists:
        raise ComparisonError("there is nothing to choose from: no finalist has a score in every fold")
    shapes = {finalist.values.shape for finalist in finalists}
    if len(shapes) > 1:
        raise ComparisonError(f"finalists differ in folds or seeds: {sorted(shapes)} (seeds, folds); train the missing ones")
    if any(not np.isfinite(finalist.values).any(axis=0).all() for finalist in finalists):
        raise ComparisonError(f"a finalist has no {score} in some fold; choose an objective that every fold has")
    best = max(finalists, key=lambda one: one.mean)
    gaps = {one.name: over_seeds(best.values) - over_seeds(one.values) for one in finalists}
    tests = {name: corrected_t(gap, dev_to_train) for name, gap in gaps.items()}
    others = [one.name for one in finalists if one is not best]
    adjusted = dict(zip(others, holm([tests[name].p for name in others]), strict=True))
    standings = [
        Standing(one, tests[one.name], float(adjusted.get(one.name, NAN)), standard_error(gaps[one.name], dev_to_train))
        for one in sorted(finalists, key=lambda one: -one.mean)
    ]
    chosen = min((each for each in standings if each.within), key=lambda each: (each.finalist.size, -each.finalist.mean))
    return Selection(chosen.finalist.name, best.name, tuple(standings), _why(chosen, best, score))


def standard_error(gaps: np.ndarray, dev_to_train: float) -> float:
    """Returns the corrected standard error of a mean over folds; 0 for a single fold, which cannot estimate it.

    >>> round(standard_error(np.array([0.0, 0.02]), 0.5), 4)
    0.0141
    """
    return math.sqrt(1 / len(gaps) + dev_to_train) * float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0


def _why(chosen: Standing, best: Finalist, score: str) -> str:
    """Returns a sentence that explains the choice."""
    one = chosen.finalist
    folds, seeds = one.values.shape[::-1]
    over = f"over {folds} folds x {seeds} seed{'s' * (seeds != 1)}"
    if one is best:
        return f"{one.name} has the best {score} ({one.mean:.4f} {over}), and nothing simpler comes within one standard error"
    p = "" if math.isnan(chosen.behind.p) else f", p {probability(chosen.behind.p)} before Holm"
    simpler = f"{one.parameters:,} against {best.parameters:,} parameters, {one.tasks} against {best.tasks} tasks"
    return (
        f"{one.name} is the simplest within one standard error of the best: {chosen.behind.mean.value:.4f} behind {best.name} "
        f"({best.mean:.4f} {score} {over}), standard error {chosen.error:.4f}{p}; {simpler}"
    )
