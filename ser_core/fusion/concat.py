"""Concatenation: the mean of each channel, side by side. The baseline that every fusion has to beat.

    speech --mean--\\
                    [s ; t] -> heads
    text   --mean--/
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, means
from ser_core.keyed_dropout import DropoutKey


@dataclasses.dataclass(frozen=True)
class Concat(FusionOption):
    """Settings of concatenation."""

    reads_means: ClassVar[bool] = True
    name: str = "concat"
    """This option's name."""
    normalise: bool = True
    """Whether each mean is normalised to zero mean and unit variance; false keeps the plain mean."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return ConcatFusion(channels=len(channels), width=width, normalise=self.normalise)


class ConcatFusion(Fusion):
    """Masked means of the channels, concatenated."""

    def __init__(self, channels: int, width: int, normalise: bool) -> None:
        super().__init__()
        self.out_width, self.normalise = channels * width, normalise

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return means(streams) if self.normalise else torch.cat([stream.mean() for stream in streams.values()], dim=-1)
