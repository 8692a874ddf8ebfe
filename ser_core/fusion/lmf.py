"""Low-rank multimodal fusion (LMF, Liu et al. 2018, arXiv 1806.00064): all products of channels, through factors of low rank.

    z = sum_r w_r * prod_c (W_c^r [m_c ; 1]) + b              m_c: normalised mean of channel c
The product over channels is the tensor fusion of Zadeh et al. 2017 (arXiv 1707.07250) without its tensor: the cost grows with the
sum of the channels and not with their product. The appended 1 is the bias of a linear layer. It begins at 1 here, so that a
further channel begins near a factor of 1 instead of shrinking the product; the paper begins with Xavier's normal distribution.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Lmf(FusionOption):
    """Settings of low-rank tensor fusion."""

    reads_means: ClassVar[bool] = True
    joins: ClassVar[str] = "Multiplies any number of channels alike; a single one is a linear map of itself."
    searched: ClassVar[Searched] = {"rank": (1, 2, 4, 8, 16)}
    name: str = "lmf"
    """This option's name."""
    rank: int = 4
    """Factors of each channel, at least 1 (the paper: 1 to 16)."""

    def __post_init__(self) -> None:
        at_least(self, "rank", 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return LmfFusion(channels=channels, width=width, rank=self.rank, dropout=dropout)


class LmfFusion(Fusion):
    """One linear layer per channel, with all factors side by side."""

    def __init__(self, channels: Sequence[str], width: int, rank: int, dropout: float) -> None:
        super().__init__()
        self.out_width, self.rank = width, rank
        self.factors = nn.ModuleDict({name: nn.Linear(width, rank * width) for name in channels})
        for layer in self.factors.values():
            nn.init.ones_(layer.bias)  # type: ignore[arg-type]
        self.weights = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(width))
        self.dropout = Dropout(dropout)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.factors[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        vectors = zip(streams, means(streams).chunk(len(streams), -1), strict=True)
        factors = torch.stack([self.factors[name](vector) for name, vector in vectors]).prod(0)
        summed = (factors.unflatten(-1, (self.rank, -1)) * self.weights.unsqueeze(-1)).sum(-2)
        return self.dropout(summed + self.bias, noise)
