"""Self-attention on each channel and nothing between channels: the refinement step of the other fusions, on its own.

    speech --self-attention--> mean --\\
                                       [s ; t] -> heads
    text   --self-attention--> mean --/
The row "+ self-attention" of Ispas et al. 2023 (arXiv 2401.00536), where it gains more than any cross-attention after it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import refinement
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class SelfAttention(FusionOption):
    """Settings of self-attention."""

    searched: ClassVar[Searched] = {"refine": (1, 2)}
    name: str = "self_attention"
    """This option's name."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    refine: int = 1
    """Self-attention layers on each channel, at least 1."""

    def __post_init__(self) -> None:
        at_least(self, "heads", 1)
        at_least(self, "refine", 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return SelfAttentionFusion(channels=channels, width=width, heads=self.heads, refine=self.refine)


class SelfAttentionFusion(Fusion):
    """Masked means of the refined channels, concatenated."""

    def __init__(self, channels: Sequence[str], width: int, heads: int, refine: int) -> None:
        super().__init__()
        self.out_width = len(channels) * width
        self.refine = refinement(channels, width, heads, refine)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.refine[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return means({name: cast(Stream, self.refine[name](stream)) for name, stream in streams.items()})
