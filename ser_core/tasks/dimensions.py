"""Valence, arousal, dominance or the other dimensions that the corpus rates: one sigmoid output each, scaled to [0, 1].

The loss is 1 - CCC over the batch and optionally over a memory of earlier batches, or squared error. Scores are computed
over whole folds, never per batch.
"""

import dataclasses
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.corpus.corpus import Corpus, Dimension
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.losses import ccc_loss, remembered_ccc_loss, squared_error
from ser_core.mixup import Partners
from ser_core.options import at_least, one_of
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views


@dataclasses.dataclass(frozen=True)
class Dimensions(TaskOption):
    """Settings of the dimensions task."""

    key: ClassVar[str] = "tasks.dimensions"
    needs: ClassVar[str] = "ratings of a dimension, such as valence"
    predicts: ClassVar[str] = "ratings"
    helper: ClassVar[bool] = False
    headline: ClassVar[str] = "mean_ccc"
    weight: float = 0.5
    """Weight of this task in the summed loss, at least 0; 0 removes its head."""
    names: list[str] = dataclasses.field(default_factory=list)
    """Dimensions to predict, for example [valence,arousal]; [] means all dimensions of the corpus."""
    shared: bool = True
    """Whether one regressor predicts all dimensions, or each has its own (with its own hidden layer and dropout)."""
    loss: str = "ccc"
    """ccc (1 - CCC over the batch; needs batches of 16 or more, or memory) or mse (squared error on the scale 0 to 1)."""
    memory: int = 0
    """Number of recent predictions that the CCC covers in addition to the batch, at least 0; 0 means only the batch."""

    @property
    def over_batch(self) -> bool:
        return self.loss == "ccc"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "loss", ("ccc", "mse"))
        at_least(self, "memory", 0)
        if self.memory and self.loss == "mse":
            raise SettingError("tasks.dimensions.memory is for loss=ccc: squared error has no bias to correct; set it to 0")

    def check(self, config: Any) -> None:
        if config.optim.mixup and self.memory:
            raise SettingError(
                "optim.mixup mixes the ratings of a step, but tasks.dimensions.memory keeps those of whole utterances; "
                "set tasks.dimensions.memory=0 or optim.mixup=0"
            )

    def available(self, corpus: Corpus) -> bool:
        return bool(corpus.dimensions)

    def chosen(self, corpus: Corpus) -> list[Dimension]:
        """Returns the dimensions to predict, in the corpus's order. Raises SettingError for one that the corpus does not rate."""
        rated = [dimension.name for dimension in corpus.dimensions]
        if unknown := [name for name in self.names if name not in rated]:
            raise SettingError(f"tasks.dimensions.names: corpus {corpus.name} rates {', '.join(rated)}, not {unknown[0]!r}")
        return [dimension for dimension in corpus.dimensions if dimension.name in self.names or not self.names]

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns [utterances dims], scaled from the corpus's own scale to 0..1, NaN where unrated."""
        columns = [(corpus.column(d.name) - d.low) / (d.high - d.low) for d in self.chosen(corpus)]
        return torch.tensor(list(zip(*columns, strict=True)), dtype=torch.float32)

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return (DimensionHead if self.shared else SeparateDimensionHead)(
            width=width,
            dims=len(self.chosen(corpus)),
            hidden=self.hidden,
            dropout=dropout,
            squared=self.loss == "mse",
            remembers=self.memory,
        )

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        named = {}
        for index, d in enumerate(self.chosen(corpus)):
            for word, values in (("target", targets), ("predicted", output)):
                named[f"dimensions.{d.name}.{word}"] = (d.low + (d.high - d.low) * values[:, index].double()).tolist()
        return pd.DataFrame(named)


class DimensionHead(Head):
    """Predicts values in (0, 1) and compares them with the ratings; one regressor for all dimensions."""

    mixes: ClassVar[bool] = True

    def __init__(self, width: int, dims: int, hidden: int, dropout: float, squared: bool, remembers: int = 0) -> None:
        super().__init__(width, dims, hidden, dropout, remembers)
        self.compare = squared_error if squared else ccc_loss

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        return super().forward(views, noise).sigmoid()

    def mix(self, targets: Tensor, partners: Partners) -> Tensor:
        return partners.mix(targets)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        rated = targets.isfinite().to(output.dtype)
        if past is None:
            return self.compare(output, targets.nan_to_num(0.0), rated)
        rated_then = past.targets.isfinite().to(output.dtype)
        then = past.outputs.to(output.dtype), past.targets.nan_to_num(0.0), rated_then
        return remembered_ccc_loss(output, targets.nan_to_num(0.0), rated, *then)


class SeparateDimensionHead(DimensionHead):
    """A separate regressor for each dimension, as the authors of Ispas et al. 2023 (arXiv 2401.00536) suggest."""

    def __init__(self, width: int, dims: int, hidden: int, dropout: float, squared: bool, remembers: int = 0) -> None:
        super().__init__(width, dims, hidden, dropout, squared, remembers)
        del self.dropout, self.hidden, self.out
        self.regressors = nn.ModuleList(Head(width, 1, hidden, dropout) for _ in range(dims))

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        return torch.cat([regressor(views, noise) for regressor in self.regressors], dim=-1).sigmoid()
