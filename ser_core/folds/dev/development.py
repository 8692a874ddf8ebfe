"""What every development rule provides: the utterances outside the test part that early stopping uses."""

import dataclasses
from collections.abc import Collection, Sequence
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
    """Base of the development rules: `rows` or `rows_of`, and `words` for the protocol card."""

    key: ClassVar[str] = "folds.dev"
    joins: ClassVar[bool] = True
    """Whether the development utterances may join the training of the tested model."""
    name: str = ""
    """This option's name."""

    def settled(self, corpus: Corpus, held: Sequence[Held]) -> "DevelopmentOption":
        """Returns the rule for these folds: itself, except for `auto`."""
        return self

    def rows(self, corpus: Corpus, held: Sequence[Held], seed: int) -> list[np.ndarray]:
        """Returns the development rows of each fold. Raises CorpusError if the rule cannot be applied."""
        return [self.rows_of(corpus, one, number, seed) for number, one in enumerate(held, start=1)]

    def rows_of(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        """Returns the development rows of fold `number`, for rules that look at one fold at a time."""
        raise NotImplementedError

    def words(self) -> str:
        """Returns the rule as printed on the protocol card."""
        raise NotImplementedError


def rotate(names: Collection[str], allowed: Sequence[Collection[str]], seed: int, count: int = 1) -> list[list[str]]:
    """Returns `count` of the `allowed` names of each fold, such that each name develops equally often, as far as possible.

    `seed` gives the order of the names. A fold prefers the names that follow those it does not allow, so folds that each
    test one name get the next name. Needs at least `count` allowed names in every fold.

    >>> rotate("abc", ["bc", "ac", "ab"], seed=1)
    [['b'], ['c'], ['a']]
    """
    # Sorted first, so that the order depends only on the names and the seed.
    order = [sorted(names)[index] for index in np.random.default_rng(seed).permutation(len(names))]
    wanted = [_preferred(order, set(one), number) for number, one in enumerate(allowed)]
    given: list[list[str]] = [[] for _ in allowed]
    # A level says how often a name may develop. Raising it only when nothing more fits keeps the numbers equal.
    level = 0
    while any(len(each) < count for each in given):
        level += 1
        for fold, each in enumerate(given):
            while len(each) < count and _give(fold, wanted, given, level, set()):
                pass
    return given


def _preferred(order: Sequence[str], allowed: set[str], number: int) -> list[str]:
    """Returns the allowed names, beginning after the first name that is not allowed; by fold number if all are."""
    start = next((place + 1 for place, name in enumerate(order) if name not in allowed), number)
    return [name for step in range(len(order)) if (name := order[(start + step) % len(order)]) in allowed]


def _give(fold: int, wanted: Sequence[Sequence[str]], given: list[list[str]], level: int, tried: set[str]) -> bool:
    """Gives a fold one more name. Another fold may have to exchange a name for that (augmenting path: Kuhn 1955)."""
    fresh = [name for name in wanted[fold] if name not in given[fold] and name not in tried]
    for name in fresh:
        if sum(name in each for each in given) < level:
            given[fold].append(name)
            return True
    for name in fresh:
        tried.add(name)
        for other, each in enumerate(given):
            if other != fold and name in each and _give(other, wanted, given, level, tried):
                each.remove(name)
                given[fold].append(name)
                return True
    return False
