"""Cross-attention: each channel asks the other, and the answers are averaged over its steps.

    s' = s + MHA(Q=LN s, K=V=LN t)      t' = t + MHA(Q=LN t, K=V=LN s)      z = [mean s' ; mean t']
The pairwise form of Tsai et al. 2019 (arXiv 1906.00295), one layer. A channel that is alone asks itself.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention
from ser_core.fusion.fusion import Fusion, FusionOption, means
from ser_core.noise import Dropout, Noise
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class CrossAttention(FusionOption):
    """Knobs of cross-attention."""

    name: str = "cross_attention"
    """This option's name."""
    heads: int = 4
    """Attention heads, at least 1; they divide model.width."""

    def __post_init__(self) -> None:
        at_least(self, "heads", 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return CrossAttentionFusion(channels=channels, width=width, heads=self.heads, dropout=dropout)


class CrossAttentionFusion(Fusion):
    """One attention per channel, asking the next channel in turn."""

    def __init__(self, channels: Sequence[str], width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.out_width = len(channels) * width
        self.asked = {name: channels[(index + 1) % len(channels)] for index, name in enumerate(channels)}
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in channels})
        self.attentions = nn.ModuleDict({name: Attention(width, heads) for name in channels})
        self.dropout = Dropout(dropout)

    def forward(self, streams: Mapping[str, Stream], noise: Noise) -> Float[Tensor, "batch out"]:
        normed = {name: self.norms[name](stream.steps) for name, stream in streams.items()}
        answered = {}
        for name, stream in streams.items():
            other = self.asked[name]
            heard = self.attentions[name](normed[name], normed[other], normed[other], streams[other].mask)
            answered[name] = Stream(stream.steps + self.dropout(heard, noise), stream.mask)
        return means(answered)
