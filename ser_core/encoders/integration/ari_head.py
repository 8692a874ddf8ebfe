"""Integration above the encoder: a reconstruction of Wan et al. 2024 (arXiv 2412.20707), whose equation is not known.

    output = H_n + P [LN(H_0) ; ... ; LN(H_(n-1))]        P [n dim -> dim], 0 at the start: the output is H_n exactly
The encoder itself is untouched. LN has no weights; the stem standardises the output, which is the norm around the sum that
the reconstruction would have. In the paper each task may select layers of its own; here all heads read one fused vector, so
one selection serves all of them.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ser_core.encoders.integration.integration import Integration, IntegrationOption, zeroed


@dataclasses.dataclass(frozen=True)
class AriHead(IntegrationOption):
    """A reconstruction: the encoder is untouched, and all its lower states are projected onto its output."""

    name: str = "ari_head"
    """This option's name."""

    def build(self, layers: int, dim: int) -> Integration:
        return ProjectedStates([zeroed(nn.Linear(layers * dim, dim))])


class ProjectedStates(Integration):
    """The last state and a projection of all below it."""

    def output(self, states: Float[Tensor, "batch time dim"], below: Sequence[Tensor]) -> Float[Tensor, "batch time dim"]:
        lower = torch.cat([layer_norm(each, each.shape[-1:]) for each in below], -1)
        return states + self.levels[0](lower)
