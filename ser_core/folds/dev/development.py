"""What every development rule provides: the utterances outside the test part that early stopping uses."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.options import Option


@dataclasses.dataclass(frozen=True)
class Held:
    """A fold before its development set is chosen, as row numbers of the corpus table."""

    held_out: str
    """Description of the test part."""
    test: np.ndarray
    outside: np.ndarray
    """Rows available for training and development."""
    given: np.ndarray | None = None
    """The development part that the corpus itself defines, within `outside`; None if it defines none."""


@dataclasses.dataclass(frozen=True)
class DevelopmentOption(Option):
    """Base of the development rules: `rows`, and `words` for the protocol card."""

    key: ClassVar[str] = "folds.dev"
    joins: ClassVar[bool] = True
    """Whether the development utterances may join the training of the tested model."""
    name: str = ""
    """This option's name."""

    def settled(self, corpus: Corpus, held: Sequence[Held]) -> "DevelopmentOption":
        """Returns the rule for these folds: itself, except for `auto`."""
        return self

    def rows(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        """Returns the development rows of fold `number`. Raises CorpusError if the rule cannot be applied."""
        raise NotImplementedError

    def words(self) -> str:
        """Returns the rule as printed on the protocol card."""
        raise NotImplementedError


def in_turn(names: Sequence[str], held: set[str], number: int, seed: int, count: int) -> list[str]:
    """Returns `count` names that are not held out, in a seeded order with a different start for every fold.

    >>> in_turn(["a", "b", "c"], {"a"}, 1, 0, 1) != in_turn(["a", "b", "c"], {"a"}, 2, 0, 1)
    True
    """
    # Sorted first, so that the order depends only on the names and the seed.
    order = [sorted(names)[index] for index in np.random.default_rng(seed).permutation(len(names))]
    remaining = [name for name in order if name not in held]
    return [remaining[(number - 1 + step) % len(remaining)] for step in range(count)]
