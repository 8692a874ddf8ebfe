"""Whether an utterance is scripted or improvised, as a helper task: cross-entropy over the two styles.

The two styles of IEMOCAP (Gao et al. 2024, ICASSP; Wan et al. 2024, arXiv 2412.20707). A corpus offers them in its column
`script`, in IEMOCAP's spelling: impro... is improvised, script... is scripted, anything else has no style.
"""

import dataclasses
from typing import ClassVar

import pandas as pd
from torch import Tensor

from ser_core.corpus.corpus import Corpus
from ser_core.tasks.emotion import ClassHead
from ser_core.tasks.task import Head, TaskOption, class_columns, class_numbers

BEGINNINGS = {"impro": "improvised", "script": "scripted"}
STYLES = list(BEGINNINGS.values())


@dataclasses.dataclass(frozen=True)
class Style(TaskOption):
    """Settings of the style task: only the common ones."""

    key: ClassVar[str] = "tasks.style"
    needs: ClassVar[str] = "utterances marked as scripted and others as improvised"
    predicts: ClassVar[str] = "classes"
    headline: ClassVar[str] = "uar"

    def available(self, corpus: Corpus) -> bool:
        return set(_styles(corpus)) >= set(STYLES)

    def targets(self, corpus: Corpus) -> Tensor:
        return class_numbers(_styles(corpus), STYLES)

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return ClassHead(width=width, classes=len(STYLES), hidden=self.hidden, dropout=dropout, balanced=True)

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        return class_columns("style", STYLES, output, targets)


def _styles(corpus: Corpus) -> list[str]:
    scripts = corpus.column("script").tolist()
    return [next((style for start, style in BEGINNINGS.items() if script.startswith(start)), "") for script in scripts]
