"""The test speaker's partner develops: two speakers to a session, one tests, the other develops, eight others train.

The natural reading of "8/1/1" on IEMOCAP. Of the held-out session nothing is ever trained on, not even by the tested model.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held


@dataclasses.dataclass(frozen=True)
class Partner(DevelopmentOption):
    """Knobs of development by partners: none."""

    joins: ClassVar[bool] = False
    name: str = "partner"
    """This option's name."""

    def rows(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        speakers, sessions = corpus.column("speaker"), corpus.column("session")
        shared = np.isin(sessions[held.outside], [name for name in set(sessions[held.test].tolist()) if name])
        if not shared.any():
            raise CorpusError(
                f"folds.dev=partner: nobody shares a session with the test part ({held.held_out}) but is outside it; "
                "use folds=lospo on a corpus whose sessions pair speakers, or folds.dev=speakers"
            )
        partners = set(speakers[held.outside[shared]].tolist())
        return held.outside[np.isin(speakers[held.outside], list(partners))]

    def words(self) -> str:
        return "the test speaker's partner in the held-out session, never trained on"
