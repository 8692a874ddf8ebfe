"""The test speaker's partner is the development set: of two speakers per session, one tests and the other develops; eight train.

The natural reading of "8/1/1" on IEMOCAP. The held-out session is never used for training, not even for the tested model.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held


@dataclasses.dataclass(frozen=True)
class Partner(DevelopmentOption):
    """Settings of development by partners: none."""

    joins: ClassVar[bool] = False
    name: str = "partner"
    """This option's name."""

    def rows_of(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        speakers, sessions = corpus.column("speaker"), corpus.column("session")
        # An empty name means that the session is unknown. Two speakers do not share it.
        shared = np.isin(sessions[held.outside], [name for name in set(sessions[held.test].tolist()) if name])
        if not shared.any():
            raise CorpusError(
                f"folds.dev=partner: no speaker outside the test part ({held.held_out}) shares a session with it; "
                "use folds=lospo on a corpus whose sessions pair speakers, or folds.dev=speakers"
            )
        partners = set(speakers[held.outside[shared]].tolist())
        return held.outside[np.isin(speakers[held.outside], list(partners))]

    def words(self) -> str:
        return "the test speaker's partner in the held-out session, never trained on"
