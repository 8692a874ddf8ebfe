"""Concatenation: the mean of each channel, side by side. The baseline that every fusion has to beat.

    speech --mean--\\
                    [s ; t] -> heads
    text   --mean--/
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, means
from ser_core.keyed_dropout import DropoutKey


@dataclasses.dataclass(frozen=True)
class Concat(FusionOption):
    """Settings of concatenation: none."""

    reads_means: ClassVar[bool] = True
    name: str = "concat"
    """This option's name."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return ConcatFusion(channels=len(channels), width=width)


class ConcatFusion(Fusion):
    """Masked means of the channels, concatenated."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.out_width = channels * width

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return means(streams)
