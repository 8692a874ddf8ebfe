"""Gated multimodal unit (GMU, Arevalo et al. 2017, arXiv 1702.01992): a gate per channel and dimension, read from all channels.

    h_c = tanh(W_c m_c)      g_c = sigmoid(V_c [m_1 ; ... ; m_n])      z = sum_c g_c * h_c      m_c: normalised mean of c
With two channels the paper ties the gates, g_2 = 1 - g_1; `tied` does so for any number by a softmax over channels.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.keyed_dropout import Dropout, DropoutKey


@dataclasses.dataclass(frozen=True)
class Gmu(FusionOption):
    """Settings of the gated multimodal unit."""

    reads_means: ClassVar[bool] = True
    joins: ClassVar[str] = "Reads any number of channels alike; a single one has a gate of its own, which is 1 with tied=true."
    searched: ClassVar[Searched] = {"tied": (False, True)}
    name: str = "gmu"
    """This option's name."""
    tied: bool = False
    """Whether the gates of a dimension sum to 1 over the channels (with two channels: the paper's bimodal unit)."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return GmuFusion(channels=channels, width=width, tied=self.tied, dropout=dropout)


class GmuFusion(Fusion):
    """One unit over the means of the channels."""

    def __init__(self, channels: Sequence[str], width: int, tied: bool, dropout: float) -> None:
        super().__init__()
        self.out_width = width
        self.unit = GatedUnit(channels, width, tied)
        self.dropout = Dropout(dropout)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.unit.values[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        vectors = dict(zip(streams, means(streams).chunk(len(streams), -1), strict=True))
        return self.dropout(self.unit(vectors), noise)


class GatedUnit(nn.Module):
    """Sum over channels of gate times value, at each step if there are steps."""

    def __init__(self, channels: Sequence[str], width: int, tied: bool) -> None:
        super().__init__()
        self.tied = tied
        self.values = nn.ModuleDict({name: nn.Linear(width, width) for name in channels})
        # A tied gate of a single channel is 1, whatever it reads.
        gated = () if tied and len(channels) == 1 else channels
        self.gates = nn.ModuleDict({name: nn.Linear(len(channels) * width, width) for name in gated})

    def forward(self, vectors: Mapping[str, Float[Tensor, "... width"]]) -> Float[Tensor, "... width"]:
        values = torch.stack([self.values[name](vector).tanh() for name, vector in vectors.items()])
        if not self.gates:
            return values.sum(0)
        together = torch.cat(list(vectors.values()), -1)
        scores = torch.stack([self.gates[name](together) for name in vectors])
        return ((scores.softmax(0) if self.tied else scores.sigmoid()) * values).sum(0)
