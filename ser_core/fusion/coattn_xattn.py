"""Co-attention by cross-attention: a reconstruction of Wan et al. 2024 (arXiv 2412.20707), whose equation is not known.

    C_k = MHA(Q=F_e, K=V=F_k)      z = mean LN(F_e + sum_k C_k)      F_e: feature for emotion, F_k: of each helper task
    reverse (after ViLBERT, Lu et al. 2019, arXiv 1908.02265):       z = [z ; mean_k mean LN(F_k + MHA(Q=F_k, K=V=F_e))]
Only the abstract and reviews were accessible. They say that the paper relates features of helper tasks (gender, style,
transcript) by co-attention. Here every head reads z; no helper head reads its own F_k, so features differ only as far as z needs.
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
from ser_core.fusion.task_features import TaskFeatures
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class CoattnXattn(FusionOption):
    """Settings of co-attention by cross-attention, a reconstruction."""

    joins: ClassVar[str] = "Pairwise: features of the first channel relate to its own helpers and to each other channel."
    searched: ClassVar[Searched] = {"helpers": (1, 2, 3, 4), "reverse": (True, False)}
    name: str = "coattn_xattn"
    """This option's name."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    helpers: int = 3
    """Features adapted from the first channel besides emotion's, at least 1 (the paper's tasks: transcript, gender, style)."""
    adapter: int = 32
    """Inner width of the adapters that compute the features, at least 1."""
    reverse: bool = False
    """Whether the helpers' features also attend to emotion's, and the heads read the result too."""

    def __post_init__(self) -> None:
        for field in ("heads", "helpers", "adapter"):
            at_least(self, field, 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return CoattnXattnFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class CoattnXattnFusion(Fusion):
    """One attention per helper feature, and one in the other direction with `reverse`."""

    def __init__(
        self, channels: Sequence[str], width: int, heads: int, helpers: int, adapter: int, reverse: bool, dropout: float
    ) -> None:
        super().__init__()
        self.out_width = 2 * width if reverse else width
        self.features = TaskFeatures(channels, width, helpers, adapter)
        count = self.features.count
        self.attentions = nn.ModuleList(Attention(width, heads) for _ in range(count))
        self.norm = nn.LayerNorm(width)
        self.back = nn.ModuleList(Attention(width, heads) for _ in range(count if reverse else 0))
        self.back_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(count if reverse else 0))
        self.dropout = Dropout(dropout)

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        emotion, helpers = self.features(streams)
        asked = zip(self.attentions, helpers, strict=True)
        heard = torch.stack([attention(emotion.steps, each.steps, each.steps, each.mask) for attention, each in asked])
        fused = emotion.like(self.norm(emotion.steps + self.dropout(heard.sum(0), noise))).mean()
        if not self.back:
            return fused
        summaries = [
            each.like(norm(each.steps + attention(each.steps, emotion.steps, emotion.steps, emotion.mask))).mean()
            for attention, norm, each in zip(self.back, self.back_norms, helpers, strict=True)
        ]
        return torch.cat([fused, torch.stack(summaries).mean(0)], -1)
