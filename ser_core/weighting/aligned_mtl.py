"""Aligned-MTL (Senushkin et al. 2023, CVPR, arXiv 2305.19000): makes the gradients orthogonal and equally long.

    G = V diag(l) V^T        B = sqrt(s) V diag(l)^-1/2 V^T        trunk: sum_i (B w)_i g_i        heads: as with fixed weights
G holds the inner products of the gradients g_i, w_i is tasks.<name>.weight, the paper's own preference. The aligned gradients,
the rows of B g, have the condition number 1: none dominates and none conflicts. s sets their common length. torchjd solves it.
"""

import dataclasses
import functools
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from ser_core.options import one_of
from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption

SCALES = ("min", "median", "rmse")


@dataclasses.dataclass(frozen=True)
class AlignedMtl(WeightingOption):
    """Settings of Aligned-MTL."""

    cost: ClassVar[float | None] = 1.67
    name: str = "aligned_mtl"
    """This option's name."""
    scale: str = "min"
    """Which eigenvalue of G is s: the smallest (min, as in the paper), the median, or their mean (rmse, as in its code)."""

    def __post_init__(self) -> None:
        one_of(self, "scale", SCALES)

    def build(self) -> Weighting:
        return GramianWeighting(functools.partial(aligned, scale=self.scale))


def aligned(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"], scale: Any) -> Float[Tensor, "tasks"]:
    """Returns B w. `gramian` holds the inner products of the gradients."""
    from torchjd.aggregation import AlignedMTLWeighting

    return AlignedMTLWeighting(weights, scale_mode=scale)(gramian)
