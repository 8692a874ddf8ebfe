"""What every sampler has: what it can be asked for, and how it is made for a study.

check(space, objectives) -> build(seed, trials, known) -> an Optuna sampler
                         -> points(space, seed) -> answers, one after another, where all is settled beforehand
"""

import abc
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from search_spaces.space import Space
from ser_core.errors import SettingError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Sampler(abc.ABC):
    """One way of choosing points. Given seed and history it always chooses the same ones."""

    name: ClassVar[str]
    several_objectives: ClassVar[bool] = True
    numbers_alone: ClassVar[bool] = False
    """Whether it needs a space of numbers, all of them asked for always."""

    def check(self, space: Space, objectives: int) -> None:
        """Raises SettingError when it cannot serve this space or so many objectives."""
        if objectives > 1 and not self.several_objectives:
            raise SettingError(f"--sampler {self.name} knows one objective, got {objectives}; use tpe or nsga2")
        if self.numbers_alone and not space.numeric:
            raise SettingError(
                f"--sampler {self.name} chooses among numbers alone, and the space {space.name} has choices or conditions "
                f"(`ser space {space.name}`); use tpe, random, qmc or grid"
            )

    @abc.abstractmethod
    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        """The Optuna sampler of a study of `trials` trials of which `known` are there already.

        What draws one random number after another draws from seed + known, so that it goes on and does not repeat itself.
        """

    def points(self, space: Space, seed: int) -> Iterator[dict[str, Any]] | None:
        """Answers that are settled beforehand, one point after another; None when Optuna is asked."""
        return None


def without_experimental_warnings() -> "warnings.catch_warnings[None]":
    """Parts of Optuna that we mean to use although they may change: the lock file pins them."""
    from optuna.exceptions import ExperimentalWarning

    return warnings.catch_warnings(action="ignore", category=ExperimentalWarning)
