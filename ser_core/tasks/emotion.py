"""The emotion category: cross-entropy, with optional class weights and label smoothing."""

import dataclasses
from typing import ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.corpus.corpus import Corpus
from ser_core.options import one_of, within
from ser_core.tasks.task import Head, TaskOption, class_columns, class_loss, class_numbers


@dataclasses.dataclass(frozen=True)
class Emotion(TaskOption):
    """Knobs of the emotion task."""

    key: ClassVar[str] = "tasks.emotion"
    weight: float = 1.0
    """Weight of this task in the summed loss, at least 0; 0 leaves its head out."""
    class_weights: str = "balanced"
    """Whether the loss counts classes alike (balanced: inverse to their share of the training part) or not (none)."""
    label_smoothing: float = 0.1
    """Share of the target spread evenly over the classes (Szegedy et al. 2016), from 0 (none) to 0.9."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "class_weights", ("balanced", "none"))
        within(self, "label_smoothing", 0, 0.9)

    def available(self, corpus: Corpus) -> bool:
        return len(corpus.classes) >= 2

    def targets(self, corpus: Corpus) -> Tensor:
        return class_numbers(corpus.column("emotion"), list(corpus.classes))

    def build(self, corpus: Corpus, width: int, dropout: float) -> Head:
        return ClassHead(
            width=width,
            classes=len(corpus.classes),
            hidden=self.hidden,
            dropout=dropout,
            balanced=self.class_weights == "balanced",
            smoothing=self.label_smoothing,
        )

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        return class_columns("emotion", list(corpus.classes), output, targets)


class ClassHead(Head):
    """Logits over classes and their cross-entropy."""

    class_weights: Float[Tensor, "classes"]

    def __init__(self, width: int, classes: int, hidden: int, dropout: float, balanced: bool, smoothing: float = 0.0) -> None:
        super().__init__(width, classes, hidden, dropout)
        self.balanced, self.smoothing = balanced, smoothing
        self.register_buffer("class_weights", torch.ones(classes))

    def fit_targets(self, targets: Tensor) -> None:
        if self.balanced:
            counts = torch.bincount(targets[targets >= 0], minlength=len(self.class_weights)).clamp(min=1)
            self.class_weights.copy_(counts.sum() / (len(counts) * counts))

    def loss(self, output: Tensor, targets: Tensor) -> Float[Tensor, ""]:
        return class_loss(output, targets, self.class_weights, self.smoothing)
