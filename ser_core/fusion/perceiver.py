"""Latent read (Perceiver, Jaegle et al. 2021, arXiv 2103.03206): a few learned latents read all channels at once.

    x = [s + c_s ; t + c_t]      z' = z + MHA(LN z, LN x)      z'' = z' + FFN(LN z')      then self-attention among latents
    z = LN(mean of the latents)
c_s and c_t mark the channels, because one softmax runs over both and speech has about 15 times as many steps as text.
The paper repeats read and self-attention with shared weights, and reads pixels with Fourier positions. Here weights are
not shared, and the latents read encoder features, which already encode their position.
Cost: O(tokens x (time of all channels)).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention
from ser_core.fusion.fusion import Fusion, FusionOption, Searched
from ser_core.fusion.layers import FeedForward, PreNormLayer
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Perceiver(FusionOption):
    """Settings of the latent read."""

    searched: ClassVar[Searched] = {"tokens": (1, 4, 8, 16, 30, 64), "reads": (1, 2), "layers": (0, 1, 2)}
    name: str = "perceiver"
    """This option's name."""
    tokens: int = 8
    """Learned latents, at least 1 (the paper: 512)."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    reads: int = 1
    """Number of times that the latents read the channels, at least 1."""
    layers: int = 1
    """Self-attention layers among the latents after each read, at least 0 (none)."""
    feedforward: int = 4
    """Width of each feed-forward part in multiples of model.width, at least 1."""

    def __post_init__(self) -> None:
        for field, low in (("tokens", 1), ("heads", 1), ("reads", 1), ("layers", 0), ("feedforward", 1)):
            at_least(self, field, low)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return PerceiverFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class PerceiverFusion(Fusion):
    """One group of latents that reads the concatenated channels."""

    def __init__(
        self,
        channels: Sequence[str],
        width: int,
        tokens: int,
        heads: int,
        reads: int,
        layers: int,
        feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.out_width = width
        self.tokens = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.channel_biases = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(width)) for name in channels})
        self.reads = nn.ModuleList(Read(width, heads, layers, feedforward, dropout) for _ in range(reads))
        self.norm = nn.LayerNorm(width)

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        steps = torch.cat([stream.steps + self.channel_biases[name] for name, stream in streams.items()], 1)
        mask = torch.cat([stream.mask for stream in streams.values()], 1)
        latents = self.tokens.expand(len(steps), -1, -1)
        for read in self.reads:
            latents = read(latents, Stream(steps, mask), noise)
        return self.norm(latents.mean(1))


class Read(nn.Module):
    """Latents read the input, then attend to each other."""

    def __init__(self, width: int, heads: int, layers: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.latent_norm, self.step_norm, self.inner_norm = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads)
        self.feedforward = FeedForward(width, feedforward)
        self.layers = nn.ModuleList(PreNormLayer(width, heads, feedforward, dropout) for _ in range(layers))
        self.attention_dropout, self.inner_dropout = Dropout(dropout), Dropout(dropout)

    def forward(
        self, latents: Float[Tensor, "batch tokens width"], stream: Stream, noise: DropoutKey
    ) -> Float[Tensor, "batch tokens width"]:
        steps = self.step_norm(stream.steps)
        heard = self.attention(self.latent_norm(latents), steps, steps, stream.mask)
        latents = latents + self.attention_dropout(heard, noise)
        latents = latents + self.inner_dropout(self.feedforward(self.inner_norm(latents)), noise)
        for layer in self.layers:
            latents = layer(Stream(latents, stream.mask.new_ones(latents.shape[:2])), noise).steps
        return latents
