"""Leave one session out: each session is tested once, and its speakers are never in the training set of that fold."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption, held_out_by


@dataclasses.dataclass(frozen=True)
class LeaveOneSessionOut(FoldsOption):
    """One fold per session (recording group)."""

    name: str = "loso"
    """This option's name."""

    def held(self, corpus: Corpus) -> Iterator[Held]:
        if (corpus.column("session") == "").any():
            raise CorpusError(f"folds=loso needs a session for every utterance; corpus {corpus.name} has none: use lospo")
        for one in held_out_by(corpus, "session"):
            # A speaker may take part in several sessions; leaving out one session is then not enough.
            others = ~np.isin(corpus.column("speaker")[one.outside], corpus.column("speaker")[one.test])
            yield dataclasses.replace(one, outside=one.outside[others])
