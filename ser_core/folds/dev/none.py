"""No development set: every model trains for optim.epochs, and its scores may decide nothing."""

import dataclasses

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.folds.dev.development import DevelopmentOption, Held


@dataclasses.dataclass(frozen=True)
class NoDevelopment(DevelopmentOption):
    """No development set; it has no settings."""

    name: str = "none"
    """This option's name."""

    def rows_of(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        return held.outside[:0]

    def words(self) -> str:
        return "none: epochs are fixed beforehand"
