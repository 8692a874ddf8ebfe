"""What every development rule offers: of the utterances outside the test part, those that early stopping listens to."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.options import Option


@dataclasses.dataclass(frozen=True)
class Held:
    """A fold before its development part is chosen, as row numbers of the corpus table."""

    held_out: str
    """What the test part is, in words."""
    test: np.ndarray
    outside: np.ndarray
    """What may be trained or developed on."""
    given: np.ndarray | None = None
    """The development part that the corpus itself names, within `outside`; None where it names none."""


@dataclasses.dataclass(frozen=True)
class DevelopmentOption(Option):
    """Base of the development rules: `rows`, and `words` for the protocol card."""

    key: ClassVar[str] = "folds.dev"
    joins: ClassVar[bool] = True
    """Whether the development utterances may join the training of the tested model."""
    name: str = ""
    """This option's name."""

    def settled(self, corpus: Corpus, held: Sequence[Held]) -> "DevelopmentOption":
        """The rule that these folds are made by: itself, but for `auto`."""
        return self

    def rows(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        """The development rows of fold `number`. Raises CorpusError when the rule cannot be followed."""
        raise NotImplementedError

    def words(self) -> str:
        """The rule as the protocol card says it."""
        raise NotImplementedError


def in_turn(names: Sequence[str], held: set[str], number: int, seed: int, count: int) -> list[str]:
    """`count` names that are not held out, another start for every fold, in an order drawn from the seed.

    >>> in_turn(["a", "b", "c"], {"a"}, 1, 0, 1) != in_turn(["a", "b", "c"], {"a"}, 2, 0, 1)
    True
    """
    order = [sorted(names)[index] for index in np.random.default_rng(seed).permutation(len(names))]
    remaining = [name for name in order if name not in held]
    return [remaining[(number - 1 + step) % len(remaining)] for step in range(count)]
