"""Scrambled Sobol points: independent of the scores, like random points, but evenly spread (Owen 1998, 10.1006/jcom.1998.0487).

point i -> one number in [0, 1) per question of the space, conditional ones included -> answers
Optuna's own sampler draws choices and conditional parameters at random, and loses its position between runs.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.search.samplers.sampler import Sampler
from search_spaces.space import Space

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Placed:
    """Answers each question from one number in [0, 1) per row of the space."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self.shares, self.answers = shares, {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self._note(name, float(between(low, high, self.shares[name], log)))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        # .499 and not .5: all integers get nearly equal intervals, and none is rounded beyond the bounds.
        return self._note(name, round(between(low - 0.499, high + 0.499, self.shares[name], log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._note(name, choices[int(self.shares[name] * len(choices))])

    def _note(self, name: str, answer: Any) -> Any:
        self.answers[name] = answer
        return answer


def between(low: float, high: float, share: float, log: bool) -> float:
    """Returns the number at `share` of the way from low to high, on a log scale if `log`.

    >>> between(1, 3, 0.5, False), round(between(1, 100, 0.5, True), 6)
    (2.0, 10.0)
    """
    if not log:
        return low + share * (high - low)
    return min(high, max(low, float(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))))


class Qmc(Sampler):
    """Scrambled Sobol points."""

    name = "qmc"

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        return optuna.samplers.RandomSampler(seed=seed)  # never draws: all points are fixed in advance

    def points(self, space: Space, seed: int) -> Iterator[dict[str, Any]] | None:
        from scipy.stats.qmc import Sobol

        names = [row.asked or row.name for row in space.rows()]
        places = Sobol(len(names), rng=np.random.default_rng(seed))
        while True:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # about sizes that are not a power of two
                (place,) = places.random(1)
            placed = Placed(dict(zip(names, map(float, place), strict=True)))
            space.overrides(placed)
            yield placed.answers
