"""Augmented residual integration by gates: a reconstruction of Wan et al. 2024 (arXiv 2412.20707), whose equation is not known.

    U_l = H_l + sum_{k<l} tanh(w_lk) * LN(H_k)        layer l+1 reads U_l; w_lk [dim]
H_k: state of trained layer k, H_0: input of the lowest one; LN has no weights. w is 0 at the start, and tanh(0) = 0, so
U_l = H_l exactly; a sigmoid, the usual gate, is never 0. The gates are selective, as the abstract says: each dimension of each
lower layer has its own gate. U of the uppermost layer is the encoder's output. The cost is dim parameters for each pair of
layers, 60 thousand for 12 layers of 768.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ser_core.encoders.integration.integration import Integration, IntegrationOption


@dataclasses.dataclass(frozen=True)
class AriGate(IntegrationOption):
    """A reconstruction: each layer reads the one below it and, through gates, the states of all layers further down."""

    name: str = "ari_gate"
    """This option's name."""

    def build(self, layers: int, dim: int) -> Integration:
        return GatedResiduals([Gates(lower=layer + 1, dim=dim) for layer in range(layers)])


class GatedResiduals(Integration):
    """One Gates module above each trained layer."""

    def between(self, states: Sequence[Float[Tensor, "batch time dim"]]) -> Float[Tensor, "batch time dim"]:
        return self.levels[len(states) - 2](states[-1], states[:-1])


class Gates(nn.Module):
    """Adds gated lower states to a state."""

    def __init__(self, lower: int, dim: int) -> None:
        super().__init__()
        self.gates = nn.Parameter(torch.zeros(lower, dim))

    def forward(self, state: Tensor, lower: Sequence[Tensor]) -> Tensor:
        shares = self.gates.tanh()
        return state + sum(shares[number] * layer_norm(each, each.shape[-1:]) for number, each in enumerate(lower))
