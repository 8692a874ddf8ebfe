"""The interface of a sampler: which spaces it supports, and how to build it for a study.

check(space, objectives) -> build(seed, trials, known) -> an Optuna sampler
                         -> points(space, seed) -> answers, one after another, if all points are fixed in advance
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
    """A way to choose points. The same seed and history always give the same points."""

    name: ClassVar[str]
    several_objectives: ClassVar[bool] = True
    numbers_alone: ClassVar[bool] = False
    """Whether it needs a space of unconditional numbers."""

    def check(self, space: Space, objectives: int) -> None:
        """Raises SettingError when it does not support this space or this number of objectives."""
        if objectives > 1 and not self.several_objectives:
            raise SettingError(f"--sampler {self.name} supports one objective, got {objectives}; use tpe or nsga2")
        if self.numbers_alone and not space.numeric:
            raise SettingError(
                f"--sampler {self.name} supports only numbers, but the space {space.name} has choices or conditions "
                f"(`ser space {space.name}`); use tpe, random, qmc or grid"
            )

    @abc.abstractmethod
    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        """Builds the Optuna sampler for a study of `trials` trials, of which `known` exist already.

        A sampler with a random stream uses seed + known, so that it continues instead of repeating itself.
        """

    def points(self, space: Space, seed: int) -> Iterator[dict[str, Any]] | None:
        """Returns the answers of points that are fixed in advance, or None if Optuna suggests them."""
        return None


def without_experimental_warnings() -> "warnings.catch_warnings[None]":
    """Silences warnings about experimental parts of Optuna. The lock file pins them, so we can rely on them."""
    from optuna.exceptions import ExperimentalWarning

    return warnings.catch_warnings(action="ignore", category=ExperimentalWarning)
