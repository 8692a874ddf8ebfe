"""IMTL-G (Liu et al. 2021, ICLR, "Towards impartial multi-task learning"): equally long projections on every gradient.

    trunk: K sum_i w_i a_i g_i        <sum_j a_j g_j, g_i / |g_i|> equal for all i, sum a = 1; w_i = tasks.<name>.weight
    heads: as with fixed weights
a is G^+ n, scaled to sum 1, with G the inner products and n the norms. a_i may be negative. K, the number of tasks with a
gradient, makes equal orthogonal gradients the same as fixed weights. Unequal w_i shift the balance towards their tasks; the
paper has no task weights. torchjd solves it. IMTL-L, the paper's companion that scales losses, is not included.
"""

import dataclasses
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class ImtlG(WeightingOption):
    """Settings of IMTL-G: none."""

    cost: ClassVar[float | None] = 1.66
    name: str = "imtl_g"
    """This option's name."""

    def build(self) -> Weighting:
        return GramianWeighting(impartial)


def impartial(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"]) -> Float[Tensor, "tasks"]:
    """Returns K w_i a_i. `gramian` holds the inner products of the gradients."""
    from torchjd.aggregation import IMTLGWeighting

    return len(weights) * weights * IMTLGWeighting()(gramian)
