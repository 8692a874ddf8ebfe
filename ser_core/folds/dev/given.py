"""The development part that the corpus or its manifest names (folds=official, folds=emobox)."""

import dataclasses
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held


@dataclasses.dataclass(frozen=True)
class Given(DevelopmentOption):
    """Settings of the given development part: none."""

    joins: ClassVar[bool] = False
    name: str = "given"
    """This option's name."""

    def rows_of(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        if held.given is None or not len(held.given):
            raise CorpusError(
                f"folds.dev=given: corpus {corpus.name} names no development part for {held.held_out}; "
                "use folds.dev=speakers, or folds.dev=none with optim.epochs fixed"
            )
        return held.given

    def words(self) -> str:
        return "the corpus's own development part, never trained on"
