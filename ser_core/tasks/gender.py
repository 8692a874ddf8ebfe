"""The speaker's gender as a helper task: cross-entropy over the genders that the corpus names."""

import dataclasses
from typing import ClassVar

import pandas as pd
from torch import Tensor

from ser_core.corpus.corpus import Corpus
from ser_core.tasks.emotion import ClassHead
from ser_core.tasks.task import Head, TaskOption, class_columns, class_numbers


@dataclasses.dataclass(frozen=True)
class Gender(TaskOption):
    """Settings of the gender task: only the common ones."""

    key: ClassVar[str] = "tasks.gender"
    needs: ClassVar[str] = "speakers of two genders"
    predicts: ClassVar[str] = "classes"
    headline: ClassVar[str] = "uar"

    def available(self, corpus: Corpus) -> bool:
        return len(_genders(corpus)) >= 2

    def targets(self, corpus: Corpus) -> Tensor:
        return class_numbers(corpus.column("gender"), _genders(corpus))

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return ClassHead(width=width, classes=len(_genders(corpus)), hidden=self.hidden, dropout=dropout, balanced=True)

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        return class_columns("gender", _genders(corpus), output, targets)


def _genders(corpus: Corpus) -> list[str]:
    return sorted(set(corpus.column("gender").tolist()) - {""})
