"""Bottleneck tokens (MBT, Nagrani et al. 2021, arXiv 2107.00135): channels exchange information only through a few tokens.

    [s' ; z_s] = Layer_s([s ; z])      [t' ; z_t] = Layer_t([t ; z])      z' = mean(z_s, z_t)       again in every top layer
    z = [mean s' ; mean t']
The paper exchanges tokens in layers 9 to 12 of two 12-layer transformers and averages the logits of a class token per
channel. Here the frozen encoders are the lower layers, and the heads read the channels' means side by side.
Cost: O((time + tokens)^2) per channel; without the bottleneck, O(time^2) over all channels together.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.fusion.layers import PreNormLayer
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Mbt(FusionOption):
    """Settings of the bottleneck."""

    searched: ClassVar[Searched] = {
        "tokens": (1, 4, 8, 16, 30, 64),
        "refine": (0, 1, 2),
        "layers": (2, 3, 4),
    }
    name: str = "mbt"
    """This option's name."""
    tokens: int = 4
    """Learned tokens that the channels share, at least 1 (the paper finds 4 enough)."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    refine: int = 0
    """Transformer layers on each channel before the tokens are exchanged, at least 0 (none)."""
    layers: int = 2
    """Top layers that exchange tokens, at least 2: each layer reads what the previous one wrote (the paper: 4)."""
    feedforward: int = 4
    """Width of each layer's feed-forward part in multiples of model.width, at least 1 (the paper: 4)."""

    def __post_init__(self) -> None:
        for field, low in (("tokens", 1), ("heads", 1), ("refine", 0), ("layers", 2), ("feedforward", 1)):
            at_least(self, field, low)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return MbtFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class MbtFusion(Fusion):
    """A stack of layers per channel, and one group of tokens that all stacks read and write."""

    def __init__(
        self,
        channels: Sequence[str],
        width: int,
        tokens: int,
        heads: int,
        refine: int,
        layers: int,
        feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.out_width = len(channels) * width

        def stacks(depth: int) -> nn.ModuleDict:
            made = {name: [PreNormLayer(width, heads, feedforward, dropout) for _ in range(depth)] for name in channels}
            return nn.ModuleDict({name: nn.ModuleList(each) for name, each in made.items()})

        self.refine = stacks(refine)
        self.exchange = stacks(layers)
        self.tokens = nn.Parameter(0.02 * torch.randn(tokens, width))

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.refine[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        heard = {name: self._refined(name, stream, noise) for name, stream in streams.items()}
        tokens = self.tokens.expand(len(next(iter(heard.values())).steps), -1, -1)
        for layers in zip(*(self.exchange[name] for name in heard), strict=True):  # type: ignore[arg-type]
            joined = {name: layer(append_tokens(heard[name], tokens), noise) for name, layer in zip(heard, layers, strict=True)}
            heard = {name: Stream(each.steps[:, : -tokens.shape[1]], heard[name].mask) for name, each in joined.items()}
            tokens = torch.stack([each.steps[:, -tokens.shape[1] :] for each in joined.values()]).mean(0)
        return means(heard)

    def _refined(self, name: str, stream: Stream, noise: DropoutKey) -> Stream:
        for layer in self.refine[name]:  # type: ignore[union-attr]
            stream = layer(stream, noise)
        return stream


def append_tokens(stream: Stream, tokens: Float[Tensor, "batch tokens width"]) -> Stream:
    """Returns the stream with the tokens appended, all of them real."""
    real = stream.mask.new_ones(tokens.shape[:2])
    return Stream(torch.cat([stream.steps, tokens], 1), torch.cat([stream.mask, real], 1))
