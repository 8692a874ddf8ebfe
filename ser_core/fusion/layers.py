"""Transformer layers of the fusions: BERT's, with normalisation after each part, and the vision transformer's, before it.

PostNormLayer   x = LN(q + MHA(q, k, k))     out = LN(x + FFN(x))        Devlin et al. 2019, arXiv 1810.04805
PreNormLayer    x = q + MHA(LN q)            out = x + FFN(LN x)         Dosovitskiy et al. 2021, arXiv 2010.11929
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention
from ser_core.keyed_dropout import Dropout, DropoutKey, ElementDropout


class FeedForward(nn.Module):
    """Linear, GELU, Linear at every step; the hidden layer is `multiple` times as wide."""

    def __init__(self, width: int, multiple: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, multiple * width)
        self.outer = nn.Linear(multiple * width, width)

    def forward(self, steps: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        return self.outer(gelu(self.inner(steps)))


class PostNormLayer(nn.Module):
    """One BERT layer whose queries come from one stream, and whose keys and values come from another or the same.

    With `elementwise`, dropout is BERT's: it drops single numbers, and attention weights too.
    """

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float, elementwise: bool = False) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout if elementwise else 0.0)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.feedforward = FeedForward(width, feedforward)
        self.out_norm = nn.LayerNorm(width, eps=1e-12)
        kind = ElementDropout if elementwise else Dropout
        self.attention_dropout, self.out_dropout = kind(dropout), kind(dropout)

    def forward(self, asking: Stream, asked: Stream, noise: DropoutKey) -> Stream:
        heard = self.attention(asking.steps, asked.steps, asked.steps, asked.mask, noise)
        steps = self.attention_norm(asking.steps + self.attention_dropout(heard, noise))
        steps = self.out_norm(steps + self.out_dropout(self.feedforward(steps), noise))
        return asking.like(steps)


class PreNormLayer(nn.Module):
    """One self-attention layer with a feed-forward part, both with a residual and normalisation before them."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, feedforward)
        self.attention_dropout, self.out_dropout = Dropout(dropout), Dropout(dropout)

    def forward(self, stream: Stream, noise: DropoutKey) -> Stream:
        normed = self.attention_norm(stream.steps)
        heard = self.attention(normed, normed, normed, stream.mask)
        steps = stream.steps + self.attention_dropout(heard, noise)
        steps = steps + self.out_dropout(self.feedforward(self.feedforward_norm(steps)), noise)
        return stream.like(steps)


def side_by_side(streams: Sequence[Stream]) -> Stream:
    """Joins streams in time, each with its mask."""
    return Stream(torch.cat([stream.steps for stream in streams], 1), torch.cat([stream.mask for stream in streams], 1))
