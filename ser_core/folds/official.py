"""The parts that the corpus itself defines (MSP-Podcast, MELD, a table's column `split`): one fold."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption

TRAIN = ("train", "training")
DEVELOPMENT = ("dev", "devel", "development", "val", "valid", "validation")


@dataclasses.dataclass(frozen=True)
class Official(FoldsOption):
    """One fold of the corpus's own parts."""

    given: ClassVar[bool] = True
    name: str = "official"
    """This option's name."""
    test: str = ""
    """Name of the tested part, as the corpus spells it; empty means the only one that begins with test."""

    def held(self, corpus: Corpus) -> Iterator[Held]:
        split = corpus.column("split")
        lower = np.char.lower(split)
        part = self._tested(corpus, sorted(set(split.tolist()) - {""}))
        rows = {name: np.flatnonzero(np.isin(lower, words)) for name, words in (("train", TRAIN), ("dev", DEVELOPMENT))}
        yield Held(f"part {part}", np.flatnonzero(split == part), np.concatenate([rows["train"], rows["dev"]]), rows["dev"])

    def left_out(self, corpus: Corpus) -> str:
        split = corpus.column("split")
        tested = self._tested(corpus, sorted(set(split.tolist()) - {""}))
        others = Counter(split[~np.isin(np.char.lower(split), TRAIN + DEVELOPMENT) & (split != tested)].tolist())
        parts = ", ".join(f"{name or 'no part'} ({count})" for name, count in others.most_common(5))
        return f"their part is not train, dev or {tested} but {parts}" if parts else ""

    def _tested(self, corpus: Corpus, names: list[str]) -> str:
        """Returns the name of the tested part. Raises CorpusError if it does not exist or is ambiguous."""
        if not names:
            raise CorpusError(f"folds=official: corpus {corpus.name} names no parts (its column split is empty); use folds=lospo")
        tests = [self.test] if self.test else [name for name in names if name.lower().startswith("test")]
        if len(tests) != 1 or tests[0] not in names:
            raise CorpusError(
                f"folds=official: corpus {corpus.name} has the parts {', '.join(names)}; say which is tested with folds.test=NAME"
            )
        return tests[0]
