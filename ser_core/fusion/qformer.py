"""Query tokens (Q-Former, Li et al. 2023, BLIP-2, arXiv 2301.12597): learned queries that talk, then read all channels.

    `layers` times:  q = LN(q + MHA(q, q, q))      q = LN(q + MHA(q, x, x))      q = LN(q + FFN(q))       x = [s + c_s ; t + c_t]
    z = mean of the queries
The queries are BERT layers with a cross-attention, as in the paper. Differences: the paper starts from BERT's weights and reads
images in every second layer; here all is trained from the start, every layer reads, and c_s and c_t mark the channels. Beside the
bridge, whose tokens read one channel through another, these read all channels at once; beside the perceiver, the queries talk
before they read, and every layer reads.
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
from ser_core.fusion.layers import PostNormLayer
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class QFormer(FusionOption):
    """Settings of the query tokens."""

    joins: ClassVar[str] = "Reads any number of channels alike, side by side in time."
    searched: ClassVar[Searched] = {"tokens": (1, 4, 8, 16, 32), "layers": (1, 2, 3)}
    name: str = "qformer"
    """This option's name."""
    tokens: int = 8
    """Learned queries, at least 2, because they also read each other (the paper: 32)."""
    layers: int = 2
    """Layers, at least 1 (the paper: 12)."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    feedforward: int = 4
    """Width of each feed-forward part in multiples of model.width, at least 1 (the paper: 4)."""

    def __post_init__(self) -> None:
        for field, low in (("tokens", 2), ("layers", 1), ("heads", 1), ("feedforward", 1)):
            at_least(self, field, low)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return QFormerFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class QFormerFusion(Fusion):
    """One group of queries that reads the concatenated channels in every layer."""

    def __init__(
        self, channels: Sequence[str], width: int, tokens: int, layers: int, heads: int, feedforward: int, dropout: float
    ) -> None:
        super().__init__()
        self.out_width = width
        self.tokens = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.channel_biases = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(width)) for name in channels})
        self.step_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(QueryLayer(width, heads, feedforward, dropout) for _ in range(layers))

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        steps = torch.cat([stream.steps + self.channel_biases[name] for name, stream in streams.items()], 1)
        read = Stream(self.step_norm(steps), torch.cat([stream.mask for stream in streams.values()], 1))
        tokens = self.tokens.expand(len(steps), -1, -1)
        queries = Stream(tokens, read.mask.new_ones(tokens.shape[:2]))
        for layer in self.layers:
            queries = layer(queries, read, noise)
        return queries.mean()


class QueryLayer(nn.Module):
    """Queries read each other, then the channels, then pass a feed-forward part; normalisation after each."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.talk, self.talk_norm, self.talk_dropout = Attention(width, heads), nn.LayerNorm(width), Dropout(dropout)
        self.read = PostNormLayer(width, heads, feedforward, dropout)

    def forward(self, queries: Stream, read: Stream, noise: DropoutKey) -> Stream:
        steps = queries.steps
        heard = self.talk(steps, steps, steps, queries.mask)
        talked = queries.like(self.talk_norm(steps + self.talk_dropout(heard, noise)))
        return self.read(talked, read, noise)
