"""Another session is the development set, each equally often (3 / 1 / 1 sessions on IEMOCAP: Srinivasan et al. 2022)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held, rotate


@dataclasses.dataclass(frozen=True)
class Session(DevelopmentOption):
    """Settings of development by sessions: none."""

    name: str = "session"
    """This option's name."""

    def rows(self, corpus: Corpus, held: Sequence[Held], seed: int) -> list[np.ndarray]:
        sessions = corpus.column("session")
        left = [set(sessions[one.outside].tolist()) - set(sessions[one.test].tolist()) for one in held]
        for number, (one, names) in enumerate(zip(held, left, strict=True), start=1):
            if "" in names or len(names) < 2:
                raise CorpusError(
                    f"fold {number} ({one.held_out}): folds.dev=session needs a session for every utterance and two sessions "
                    f"outside the test part; corpus {corpus.name} has {len(names - {''})} there: use folds.dev=speakers"
                )
        developing = rotate(set(sessions.tolist()), left, seed)
        return [one.outside[np.isin(sessions[one.outside], names)] for one, names in zip(held, developing, strict=True)]

    def words(self) -> str:
        return "a whole session of the training side, each equally often"
