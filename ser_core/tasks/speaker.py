"""The speaker as a helper task, among the speakers of the training part: trained, but never scored.

In speaker-disjoint folds, no model can know the speakers of the other parts. Their classes have no logit in training, cost
nothing on the development part, and no predictions are written. Metadata-enhanced training uses such helper tasks (Wan et al.
2024, arXiv 2412.20707; the speaker task is our reconstruction).
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ser_core.corpus.corpus import Corpus
from ser_core.tasks.emotion import ClassHead
from ser_core.tasks.task import Head, TaskOption, class_loss, class_numbers
from ser_core.tasks.views import Memory


@dataclasses.dataclass(frozen=True)
class Speaker(TaskOption):
    """Settings of the speaker task: only the common ones."""

    key: ClassVar[str] = "tasks.speaker"
    needs: ClassVar[str] = "two speakers"

    def available(self, corpus: Corpus) -> bool:
        return len(_speakers(corpus)) >= 2

    def targets(self, corpus: Corpus) -> Tensor:
        return class_numbers(corpus.column("speaker"), _speakers(corpus))

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return SpeakerHead(width=width, classes=len(_speakers(corpus)), hidden=self.hidden, dropout=dropout, balanced=True)


class SpeakerHead(ClassHead):
    """Predicts logits over the corpus's speakers; speakers outside the training part are masked."""

    heard: Bool[Tensor, "classes"]

    def __init__(self, width: int, classes: int, hidden: int, dropout: float, balanced: bool) -> None:
        super().__init__(width, classes, hidden, dropout, balanced)
        self.register_buffer("heard", torch.ones(classes, dtype=torch.bool))

    def fit_targets(self, targets: Tensor) -> None:
        super().fit_targets(targets)
        self.heard.copy_(torch.bincount(targets[targets >= 0], minlength=len(self.heard)) > 0)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        known = torch.where(self.heard[targets.clamp(min=0)], targets, -1)
        return class_loss(output.masked_fill(~self.heard, float("-inf")), known, self.class_weights, self.smoothing)


def _speakers(corpus: Corpus) -> list[str]:
    return sorted(set(corpus.column("speaker").tolist()))
