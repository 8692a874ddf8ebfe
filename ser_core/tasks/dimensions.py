"""Valence, arousal, dominance or whatever dimensions the corpus rates: one sigmoid output each, scaled to [0, 1].

The loss is 1 - CCC over the batch (or squared error); scores are computed over whole folds, never batch by batch.
"""

import dataclasses
from typing import ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.corpus.corpus import Corpus
from ser_core.losses import ccc_loss, squared_error
from ser_core.noise import Noise
from ser_core.options import one_of
from ser_core.tasks.task import Head, TaskOption


@dataclasses.dataclass(frozen=True)
class Dimensions(TaskOption):
    """Knobs of the dimensions task."""

    key: ClassVar[str] = "tasks.dimensions"
    weight: float = 0.5
    """Weight of this task in the summed loss, at least 0; 0 leaves its head out."""
    loss: str = "ccc"
    """ccc (1 - concordance over the batch; needs batches of 16 or more) or mse (squared error on the scale 0 to 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "loss", ("ccc", "mse"))

    def available(self, corpus: Corpus) -> bool:
        return bool(corpus.dimensions)

    def targets(self, corpus: Corpus) -> Tensor:
        """[utterances dims], scaled from the corpus's own scale to 0..1, NaN where unrated."""
        columns = [(corpus.column(d.name) - d.low) / (d.high - d.low) for d in corpus.dimensions]
        return torch.tensor(list(zip(*columns, strict=True)), dtype=torch.float32)

    def build(self, corpus: Corpus, width: int, dropout: float) -> Head:
        return DimensionHead(
            width=width, dims=len(corpus.dimensions), hidden=self.hidden, dropout=dropout, squared=self.loss == "mse"
        )

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        named = {}
        for index, d in enumerate(corpus.dimensions):
            for word, values in (("target", targets), ("predicted", output)):
                named[f"dimensions.{d.name}.{word}"] = (d.low + (d.high - d.low) * values[:, index].double()).tolist()
        return pd.DataFrame(named)


class DimensionHead(Head):
    """Values in (0, 1) and their distance from the ratings."""

    def __init__(self, width: int, dims: int, hidden: int, dropout: float, squared: bool) -> None:
        super().__init__(width, dims, hidden, dropout)
        self.compare = squared_error if squared else ccc_loss

    def forward(self, fused: Float[Tensor, "batch width"], noise: Noise) -> Float[Tensor, "batch dims"]:
        return super().forward(fused, noise).sigmoid()

    def loss(self, output: Tensor, targets: Tensor) -> Float[Tensor, ""]:
        rated = targets.isfinite().to(output.dtype)
        return self.compare(output, targets.nan_to_num(0.0), rated)
