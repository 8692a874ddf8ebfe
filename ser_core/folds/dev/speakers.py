"""Speakers take turns as the development set: the chosen epoch depends on neither the test nor the training speakers."""

import dataclasses

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held, in_turn
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

    def rows(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        speakers = corpus.column("speaker")
        left = set(speakers[held.outside].tolist())
        if len(left) <= self.count:
            raise CorpusError(
                f"fold {number} ({held.held_out}) has no training speakers: folds.dev=speakers takes {self.count} of {len(left)} "
                "speakers for development; use a corpus with more speakers, or folds.dev=none with optim.epochs fixed"
            )
        absent = set(speakers.tolist()) - left
        developing = in_turn(sorted(set(speakers.tolist())), absent, number, seed, self.count)
        return held.outside[np.isin(speakers[held.outside], developing)]

    def words(self) -> str:
        return f"{self.count} whole speaker(s) of the training side, in turn"
