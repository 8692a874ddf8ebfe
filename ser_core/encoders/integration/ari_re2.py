"""Augmented residual integration after RE2: a reconstruction of Wan et al. 2024 (arXiv 2412.20707), whose equation is not known.

    R_l = (H_l + g_l H_(l-1)) / sqrt(1 + g_l^2)        U_l = R_l + [R_l ; H_0] D_l + b_l        layer l+1 reads U_l
H_l: state of trained layer l, H_0: input of the lowest one. g, D and b are 0 at the start, so U_l = H_l exactly. g = 1 gives
RE2's own (H_l + H_(l-1)) sqrt(1/2) next to H_0 (Yang et al. 2019, arXiv 1908.00300). RE2 calls it "augmented residual
connection", which is the reason for this form. As in RE2, layer 1 has no separate H_(l-1): that is H_0, its input.
D is the difference of W_l from [I ; 0], so that weight decay pulls towards the pre-trained encoder. U of the uppermost
layer is the encoder's output. The cost is 2 dim^2 parameters per layer, 14.2 million for 12 layers of 768.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.encoders.integration.integration import Integration, IntegrationOption, zeroed
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class AriRe2(IntegrationOption):
    """A reconstruction: each layer reads the running residual and the state below all trained layers (RE2, 2019)."""

    name: str = "ari_re2"
    """This option's name."""
    rank: int = 0
    """Rank of each layer's map, at least 0; 0 is a full matrix."""

    def __post_init__(self) -> None:
        at_least(self, "rank", 0)

    def build(self, layers: int, dim: int) -> Integration:
        return RunningResidual([Augmented(dim, self.rank, above=layer > 0) for layer in range(layers)])


class RunningResidual(Integration):
    """One Augmented module above each trained layer."""

    def between(self, states: Sequence[Float[Tensor, "batch time dim"]]) -> Float[Tensor, "batch time dim"]:
        return self.levels[len(states) - 2](states[-1], states[-2], states[0])


class Augmented(nn.Module):
    """Computes U from H_l, H_(l-1) and H_0. The lowest one (not `above` another) has no gate."""

    def __init__(self, dim: int, rank: int, above: bool) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(())) if above else None
        self.map = LowRank(2 * dim, dim, rank) if rank else zeroed(nn.Linear(2 * dim, dim))

    def forward(self, state: Tensor, below: Tensor, first: Tensor) -> Tensor:
        residual = state if self.gate is None else (state + self.gate * below) * (1 + self.gate**2).rsqrt()
        return residual + self.map(torch.cat([residual, first], -1))


class LowRank(nn.Module):
    """x A B + b, A [inputs rank], B [rank outputs]."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(inputs, rank).uniform_(-(inputs**-0.5), inputs**-0.5))
        self.up = nn.Parameter(torch.zeros(rank, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        return values @ self.down @ self.up + self.bias
