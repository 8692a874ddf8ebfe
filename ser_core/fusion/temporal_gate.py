"""Temporal gate: a gated unit at every step of a common clock, so that the channel that counts may change within an utterance.

    clock of an utterance: L = steps of its longest channel       x_c[t] = step floor((t + 1/2) L_c / L) of channel c
    z = mean_t sum_c g_c[t] * tanh(W_c x_c[t])                    g_c[t] = sigmoid(V_c [x_1[t] ; ... ; x_n[t]])
Gates over time are those of Chen et al. 2017 (arXiv 1802.00924) in spirit; theirs open or close at each word and are trained by
reinforcement. Here the unit is that of gmu. The clock stretches the shorter channels evenly: nothing is aligned by force, and a
vector per utterance is present at every step. Both are reconstructions.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched
from ser_core.fusion.gmu import GatedUnit
from ser_core.keyed_dropout import Dropout, DropoutKey


@dataclasses.dataclass(frozen=True)
class TemporalGate(FusionOption):
    """Settings of the temporal gate, a reconstruction."""

    joins: ClassVar[str] = "Reads any number of channels alike, stretched to the longest one; a single one gates itself."
    searched: ClassVar[Searched] = {"tied": (False, True)}
    name: str = "temporal_gate"
    """This option's name."""
    tied: bool = False
    """Whether the gates of a step and dimension sum to 1 over the channels."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return TemporalGateFusion(channels=channels, width=width, tied=self.tied, dropout=dropout)


class TemporalGateFusion(Fusion):
    """One unit, applied at every step of the clock."""

    def __init__(self, channels: Sequence[str], width: int, tied: bool, dropout: float) -> None:
        super().__init__()
        self.out_width = width
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in channels})
        self.unit = GatedUnit(channels, width, tied)
        self.dropout = Dropout(dropout)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.norms[channel], self.unit.values[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        clocked = on_one_clock({name: stream.like(self.norms[name](stream.steps)) for name, stream in streams.items()})
        fused = self.unit({name: stream.steps for name, stream in clocked.items()})
        return self.dropout(next(iter(clocked.values())).like(fused).mean(), noise)


def on_one_clock(streams: Mapping[str, Stream]) -> dict[str, Stream]:
    """Stretches every channel of an utterance evenly to the steps of its longest channel. Each step appears at least once."""
    lengths = {name: stream.mask.sum(-1) for name, stream in streams.items()}
    longest = torch.stack(list(lengths.values())).amax(0)
    ticks = torch.arange(max(stream.mask.shape[-1] for stream in streams.values()), device=longest.device)
    mask = ticks < longest.unsqueeze(-1)
    return {name: Stream(_stretched(stream, lengths[name], longest, ticks), mask) for name, stream in streams.items()}


def _stretched(
    stream: Stream, length: Int[Tensor, "batch"], longest: Int[Tensor, "batch"], ticks: Int[Tensor, "ticks"]
) -> Float[Tensor, "batch ticks width"]:
    # In whole numbers: (2t + 1) L_c / 2L, so that no rounding moves a step.
    places = ((2 * ticks + 1) * length.unsqueeze(-1)).div(2 * longest.clamp(min=1).unsqueeze(-1), rounding_mode="floor")
    places = places.clamp(max=stream.steps.shape[-2] - 1)
    return torch.take_along_dim(stream.steps, places.unsqueeze(-1), dim=-2)
