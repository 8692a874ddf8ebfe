"""Multimodal transformer (MulT, Tsai et al. 2019, arXiv 1906.00295): deep stacks in which each channel reads each other one.

    Z_(b->a) = a;  `layers` times:  Z' = Z + MHA(Q=LN Z, K=V=LN b)    Z = Z' + FFN(LN Z')       for every ordered pair (a, b)
    y_a = SelfAttention stack of [Z_(b->a) ; Z_(c->a) ; ...]          z = [mean y_a ; mean y_b ; ...]
Every layer reads the other channel as the encoder gave it, as in the paper. Three channels have six stacks, four have twelve. A
single channel reads itself. Differences: the paper convolves each channel and adds positions first (here the stems project, and
the encoders know positions), and reads the last step of y_a (here the mean over its real steps).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.fusion.layers import FeedForward, PreNormLayer
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Mult(FusionOption):
    """Settings of the cross-modal stacks."""

    joins: ClassVar[str] = (
        "Pairwise: a stack for each channel and each other one that it reads (3 channels: 6, 4: 12); a single one reads itself."
    )
    searched: ClassVar[Searched] = {"layers": (1, 2, 4), "after": (0, 1, 2)}
    name: str = "mult"
    """This option's name."""
    layers: int = 2
    """Layers of each cross-modal stack, at least 1 (the paper: 4)."""
    after: int = 1
    """Self-attention layers on each channel after its stacks, at least 0 (the paper: 3)."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width (the paper: 10 over 40)."""
    feedforward: int = 4
    """Width of each feed-forward part in multiples of model.width, at least 1 (the paper: 4)."""

    def __post_init__(self) -> None:
        for field, low in (("layers", 1), ("after", 0), ("heads", 1), ("feedforward", 1)):
            at_least(self, field, low)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return MultFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class MultFusion(Fusion):
    """A stack for every ordered pair of channels; the stacks of a channel side by side, then its own layers."""

    def __init__(
        self, channels: Sequence[str], width: int, layers: int, after: int, heads: int, feedforward: int, dropout: float
    ) -> None:
        super().__init__()
        self.others = {name: [other for other in channels if other != name] or [name] for name in channels}
        joined = max(1, len(channels) - 1) * width
        self.out_width = len(channels) * joined
        self.crossing = nn.ModuleDict(
            {
                f"{name}_from_{other}": nn.ModuleList(CrossLayer(width, heads, feedforward, dropout) for _ in range(layers))
                for name, others in self.others.items()
                for other in others
            }
        )
        self.after = nn.ModuleDict(
            {name: nn.ModuleList(PreNormLayer(joined, heads, feedforward, dropout) for _ in range(after)) for name in channels}
        )

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return means({name: self._read(name, streams, noise) for name in streams})

    def _read(self, name: str, streams: Mapping[str, Stream], noise: DropoutKey) -> Stream:
        """Returns a channel after it has read each other one, the results side by side in width."""
        read = []
        for other in self.others[name]:
            stream = streams[name]
            for layer in self.crossing[f"{name}_from_{other}"]:  # type: ignore[union-attr]
                stream = layer(stream, streams[other], noise)
            read.append(stream.steps)
        joined = streams[name].like(torch.cat(read, -1))
        for layer in self.after[name]:  # type: ignore[union-attr]
            joined = layer(joined, noise)
        return joined


class CrossLayer(nn.Module):
    """One pre-norm layer whose queries come from a channel, and whose keys and values come from another."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.asking_norm, self.asked_norm, self.inner_norm = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads)
        self.feedforward = FeedForward(width, feedforward)
        self.attention_dropout, self.inner_dropout = Dropout(dropout), Dropout(dropout)

    def forward(self, asking: Stream, asked: Stream, noise: DropoutKey) -> Stream:
        read = self.asked_norm(asked.steps)
        heard = self.attention(self.asking_norm(asking.steps), read, read, asked.mask)
        steps = asking.steps + self.attention_dropout(heard, noise)
        return asking.like(steps + self.inner_dropout(self.feedforward(self.inner_norm(steps)), noise))
