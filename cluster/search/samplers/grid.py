"""Every combination once, in an order shuffled by the seed, so that a search that ends early still covers all of the space.

A number takes LEVELS evenly spaced values (an integer takes all its values if it has no more), and a choice takes each of its
values. Conditional parameters count only where their condition holds. Optuna's own grid raises at its end under ask and tell.
"""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cluster.search.samplers.qmc import between
from cluster.search.samplers.sampler import Sampler
from search_spaces.space import Space
from ser_core.errors import SettingError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

LEVELS = 5
"""Number of grid values of a continuous number."""
MOST_POINTS = 20_000
"""A grid with more points than this is a mistake."""


class Walk:
    """Answers each question with the branch that a path names, and records the number of branches."""

    def __init__(self, path: Sequence[int]) -> None:
        self.path, self.widths, self.answers = path, [], {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self._branch(name, [between(low, high, step / (LEVELS - 1), log) for step in range(LEVELS)])

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        if high - low < LEVELS:
            return self._branch(name, list(range(low, high + 1)))
        return self._branch(name, sorted({round(between(low, high, step / (LEVELS - 1), log)) for step in range(LEVELS)}))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._branch(name, choices)

    def _branch(self, name: str, values: Sequence[Any]) -> Any:
        depth = len(self.widths)
        self.widths.append(len(values))
        self.answers[name] = values[self.path[depth] if depth < len(self.path) else 0]
        return self.answers[name]


def list_points(space: Space) -> list[dict[str, Any]]:
    """Returns the answers that lead to each distinct point of the grid. Raises SettingError beyond MOST_POINTS paths."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    path: list[int] = []
    for _ in range(MOST_POINTS):
        walk = Walk(path)
        found.setdefault(tuple(space.overrides(walk)), walk.answers)
        # Go to the next path in depth-first order: advance the last branch, and drop branches that are exhausted.
        path = [*path, *[0] * (len(walk.widths) - len(path))][: len(walk.widths)]
        while path and path[-1] + 1 == walk.widths[len(path) - 1]:
            path.pop()
        if not path:
            return list(found.values())
        path[-1] += 1
    raise SettingError(f"the grid of {space.name} has more than {MOST_POINTS} points; use --sampler qmc, random or tpe")


class Grid(Sampler):
    """Every combination in shuffled order."""

    name = "grid"

    def check(self, space: Space, objectives: int) -> None:
        list_points(space)

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        return optuna.samplers.RandomSampler(seed=seed)  # never draws: all points are fixed in advance

    def points(self, space: Space, seed: int) -> Iterator[dict[str, Any]] | None:
        answers = list_points(space)
        random.Random(seed).shuffle(answers)  # noqa: S311
        return iter(answers)
