"""Speakers or sessions are held out, and every text of the test part is removed from training and development.

Two texts count as the same if they are equal after normalisation, or share most of their words (see `near_texts`).
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.texts import normalise
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.folds import Fold
from ser_core.folds.protocol import FoldsOption, held_out_by
from ser_core.matching import equal, near_texts
from ser_core.options import one_of


@dataclasses.dataclass(frozen=True)
class TextDisjoint(FoldsOption):
    """One fold per speaker or session. Training shares no text with test and development; development shares none with test."""

    name: str = "text_disjoint"
    """This option's name."""
    by: str = "speaker"
    """What is held out: speaker or session."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "by", ("speaker", "session"))

    def held(self, corpus: Corpus) -> Iterator[Held]:
        if (corpus.column("text") == "").all():
            raise CorpusError(f"folds=text_disjoint: corpus {corpus.name} has no text as configured; set corpus.text")
        if (corpus.column(self.by) == "").any():
            raise CorpusError(f"folds=text_disjoint folds.by={self.by}: corpus {corpus.name} has utterances without {self.by}")
        return held_out_by(corpus, self.by)

    def purged(self, corpus: Corpus, fold: Fold) -> Fold:
        texts = np.array([normalise(text) for text in corpus.column("text")], dtype=str)
        ways = (equal(texts), near_texts(texts))

        def less(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
            return np.setdiff1d(rows, np.concatenate([keys.touched(rows, others) for keys in ways]))

        # Where a text is in both, training gives it up and development keeps it.
        dev = less(fold.dev, fold.test)
        train = less(fold.train, np.concatenate([fold.test, dev]))
        return dataclasses.replace(fold, train=train, dev=dev)
