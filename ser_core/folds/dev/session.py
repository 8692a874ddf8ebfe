"""Another session is the development set, in turn (3 / 1 / 1 sessions on IEMOCAP: Srinivasan et al. 2022)."""

import dataclasses

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held, in_turn


@dataclasses.dataclass(frozen=True)
class Session(DevelopmentOption):
    """Settings of development by sessions: none."""

    name: str = "session"
    """This option's name."""

    def rows(self, corpus: Corpus, held: Held, number: int, seed: int) -> np.ndarray:
        sessions = corpus.column("session")
        tested = set(sessions[held.test].tolist())
        left = set(sessions[held.outside].tolist()) - tested
        if "" in left or len(left) < 2:
            raise CorpusError(
                f"fold {number} ({held.held_out}): folds.dev=session needs a session for every utterance and two sessions "
                f"outside the test part; corpus {corpus.name} has {len(left - {''})} there: use folds.dev=speakers"
            )
        names = sorted(set(sessions.tolist()))
        developing = in_turn(names, set(names) - left, number, seed, 1)
        return held.outside[np.isin(sessions[held.outside], developing)]

    def words(self) -> str:
        return "a whole session of the training side, in turn"
