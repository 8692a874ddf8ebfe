"""Random utterances are the development set. They share speakers with training, so the chosen epoch comes late.

Often published (emotion2vec, PMTSU), so it is available for comparison; every card and table made with it carries a flag.
"""

import dataclasses

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.folds.dev.development import DevelopmentOption, Held
from ser_core.options import within


@dataclasses.dataclass(frozen=True)
class Utterances(DevelopmentOption):
    """Settings of development by random utterances."""

    name: str = "utterances"
    """This option's name."""
    share: float = 0.2
    """Share of the utterances outside the test part that form the development set, from 0.01 to 0.5."""

    def __post_init__(self) -> None:
        within(self, "share", 0.01, 0.5)

    def rows_of(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        # A separate random stream for each fold.
        drawn = np.random.default_rng([seed, number]).permutation(held.outside)
        # At least one utterance, even for a small share of a small corpus.
        return drawn[: max(1, round(self.share * len(drawn)))]

    def words(self) -> str:
        return f"{100 * self.share:g} % of the training side's utterances at random"
