"""Speakers take turns as the development set: the chosen epoch depends on neither the test nor the training speakers."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held, rotate
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Speakers(DevelopmentOption):
    """Settings of development by speakers."""

    name: str = "speakers"
    """This option's name."""
    count: int = 1
    """Development speakers in each fold, at least 1."""

    def __post_init__(self) -> None:
        at_least(self, "count", 1)

    def rows(self, corpus: Corpus, held: Sequence[Held], seed: int) -> list[np.ndarray]:
        speakers = corpus.column("speaker")
        left = [set(speakers[one.outside].tolist()) for one in held]
        for number, (one, names) in enumerate(zip(held, left, strict=True), start=1):
            if len(names) <= self.count:
                raise CorpusError(
                    f"fold {number} ({one.held_out}) has no training speakers: folds.dev=speakers takes {self.count} of "
                    f"{len(names)} speakers for development; use a corpus with more speakers, or folds.dev=none with "
                    "optim.epochs fixed"
                )
        developing = rotate(set(speakers.tolist()), left, seed, self.count)
        return [one.outside[np.isin(speakers[one.outside], names)] for one, names in zip(held, developing, strict=True)]

    def words(self) -> str:
        return f"{self.count} whole speaker(s) of the training side, each equally often"
