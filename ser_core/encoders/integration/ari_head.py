"""Integration above the encoder: a reconstruction of Wan et al. 2024 (arXiv 2412.20707), whose equation is not known.

    output = H_n + P [LN(H_0) ; ... ; LN(H_(n-1))]        P [n dim -> dim], 0 at the start: the output is H_n exactly
The encoder itself is unchanged. LN has no weights. The stem standardises the output, which takes the place of the norm around
the sum. In the paper each task may select its own layers; here all heads read one fused vector, so one selection serves all
of them.
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
    """A reconstruction: leaves the encoder unchanged and projects all its lower states onto its output."""

    name: str = "ari_head"
    """This option's name."""

    def build(self, layers: int, dim: int) -> Integration:
        return ProjectedStates([zeroed(nn.Linear(layers * dim, dim))])


class ProjectedStates(Integration):
    """The last state plus a projection of all states below it."""

    def output(self, states: Float[Tensor, "batch time dim"], below: Sequence[Tensor]) -> Float[Tensor, "batch time dim"]:
        lower = torch.cat([layer_norm(each, each.shape[-1:]) for each in below], -1)
        return states + self.levels[0](lower)
