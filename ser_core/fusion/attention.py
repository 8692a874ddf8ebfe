"""Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762) with separate query, key and value, and a key mask.

The softmax is written out, because torch's fused kernel has no batching rule on a CPU, and stacked models need one.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey, ElementDropout


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d_k)) V over `heads` heads. Keys outside the mask get weight 0.

    Every row of the mask needs at least one real key. `dropout` is the share of attention weights that a training step drops.
    Raises SettingError if `heads` does not divide the width.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise SettingError(f"model.width={width} is not a multiple of the {heads} heads of model.fusion.heads")
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        # No layer, and so no number of a site, where nothing is dropped: other layers keep their numbers.
        self.dropout = ElementDropout(dropout) if dropout else None

    def forward(
        self,
        query: Float[Tensor, "batch queries width"],
        key: Float[Tensor, "batch keys width"],
        value: Float[Tensor, "batch keys width"],
        mask: Bool[Tensor, "batch keys"],
        noise: DropoutKey = DropoutKey(None),  # noqa: B008 (frozen)
    ) -> Float[Tensor, "batch queries width"]:
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        barred = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -torch.inf)
        weights = (scores + barred[:, None, None, :]).softmax(-1).to(v.dtype)
        weights = self.dropout(weights, noise) if self.dropout else weights
        return self.out((weights @ v).transpose(1, 2).flatten(2))

    def _split(self, values: Tensor) -> Tensor:
        """Reshapes [batch time width] to [batch heads time width/heads]."""
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SelfAttentionLayer(nn.Module):
    """One pre-norm residual self-attention layer: x + Attention(LN x)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)

    def forward(self, stream: Stream) -> Stream:
        normed = self.norm(stream.steps)
        return stream.like(stream.steps + self.attention(normed, normed, normed, stream.mask))


def refinement(channels: Sequence[str], width: int, heads: int, layers: int) -> nn.ModuleDict:
    """Builds `layers` self-attention layers for each channel, by name; 0 leaves the channels unchanged."""
    return nn.ModuleDict({name: nn.Sequential(*(SelfAttentionLayer(width, heads) for _ in range(layers))) for name in channels})
