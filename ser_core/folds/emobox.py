"""The folds of a manifest (EmoBox: Ma et al. 2024, Interspeech), one per column of `Corpus.parts`."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption


@dataclasses.dataclass(frozen=True)
class EmoBox(FoldsOption):
    """The folds that come with the corpus's manifest."""

    given: ClassVar[bool] = True
    name: str = "emobox"
    """This option's name."""

    def held(self, corpus: Corpus) -> Iterator[Held]:
        if corpus.parts is None:
            raise CorpusError(
                f"folds=emobox: corpus {corpus.name} comes without folds; read it with corpus=emobox, or use folds=lospo"
            )
        for name, column in corpus.parts.items():
            rows = {part: np.flatnonzero(column.to_numpy(str) == part) for part in ("train", "dev", "test")}
            yield Held(str(name), rows["test"], np.concatenate([rows["train"], rows["dev"]]), rows["dev"])
