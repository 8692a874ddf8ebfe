"""Speakers split into folds of about equal size: fewer models than leave-one-speaker-out."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class GroupedKFold(FoldsOption):
    """Speakers split into `count` folds with about equally many utterances."""

    name: str = "kfold"
    """This option's name."""
    count: int = 5
    """Number of folds, at least 2 and at most the number of speakers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "count", 2)

    def held(self, corpus: Corpus) -> Iterator[Held]:
        from sklearn.model_selection import GroupKFold

        speakers = corpus.column("speaker")
        if self.count > len(set(speakers)):
            raise CorpusError(f"folds.count={self.count} exceeds the {len(set(speakers))} speakers of {corpus.name}")
        parts = GroupKFold(self.count, shuffle=True, random_state=self.seed).split(speakers, groups=speakers)
        for outside, test in parts:
            yield Held(f"speakers {', '.join(sorted(set(speakers[test])))}", np.asarray(test), np.asarray(outside))
