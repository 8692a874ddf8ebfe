"""Cross-attention: each channel attends to the other, and the results are averaged over its steps.

    s' = s + MHA(Q=LN s, K=V=LN t)      t' = t + MHA(Q=LN t, K=V=LN s)      z = [mean s' ; mean t']
The pairwise form of Tsai et al. 2019 (arXiv 1906.00295), one layer. With three or four channels, each attends to the next in the
order of ser_core/channels, and the last to the first; a single channel attends to itself. `mult` has a stack for every pair.
The variant without tokens of Ispas et al. 2023 (arXiv 2401.00536), e_s = MHA(Q=s, K=V=t) after self-attention and
z = mean(mean e_s, mean e_t), is refine=1 residual=false norm=false pool=mean. That it has no residual is a reconstruction.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention, refinement
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least, one_of


@dataclasses.dataclass(frozen=True)
class CrossAttention(FusionOption):
    """Settings of cross-attention."""

    joins: ClassVar[str] = "Pairwise, in a ring: each channel attends to the next, the last to the first; a single one to itself."
    searched: ClassVar[Searched] = {
        "refine": (0, 1, 2),
        "residual": (True, False),
        "pool": ("concat", "mean"),
    }
    name: str = "cross_attention"
    """This option's name."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    refine: int = 0
    """Self-attention layers on each channel before the cross-attention, at least 0 (none)."""
    residual: bool = True
    """Whether a residual connection adds the channel to the result of its attention."""
    norm: bool = True
    """Whether layer normalisation comes before the attention."""
    pool: str = "concat"
    """How the channels' means become one vector: concat (normalised, side by side) or mean (their mean)."""

    def __post_init__(self) -> None:
        at_least(self, "heads", 1)
        at_least(self, "refine", 0)
        one_of(self, "pool", ("concat", "mean"))

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return CrossAttentionFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class CrossAttentionFusion(Fusion):
    """One attention per channel, which attends to the next channel in turn."""

    def __init__(
        self,
        channels: Sequence[str],
        width: int,
        heads: int,
        refine: int,
        residual: bool,
        norm: bool,
        pool: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.residual, self.averaged = residual, pool == "mean"
        self.out_width = width if self.averaged else len(channels) * width
        self.asked = {name: channels[(index + 1) % len(channels)] for index, name in enumerate(channels)}
        self.refine = refinement(channels, width, heads, refine)
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) if norm else nn.Identity() for name in channels})
        self.attentions = nn.ModuleDict({name: Attention(width, heads) for name in channels})
        self.dropout = Dropout(dropout)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.refine[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        refined = {name: cast(Stream, self.refine[name](stream)) for name, stream in streams.items()}
        normed = {name: self.norms[name](stream.steps) for name, stream in refined.items()}
        answered = {}
        for name, stream in refined.items():
            other = self.asked[name]
            heard = self.dropout(self.attentions[name](normed[name], normed[other], normed[other], streams[other].mask), noise)
            answered[name] = Stream(stream.steps + heard if self.residual else heard, stream.mask)
        if self.averaged:
            return torch.stack([stream.mean() for stream in answered.values()]).mean(0)
        return means(answered)
