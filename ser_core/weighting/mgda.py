"""MGDA (Désidéri 2012; for networks Sener & Koltun 2018, arXiv 1810.04650): the shortest average of the gradients.

    trunk: K sum_i w_i a_i g_i        a = argmin |sum_i a_i g_i|^2 over a_i >= 0, sum a = 1; w_i = tasks.<name>.weight
    heads: as with fixed weights
With equal w_i no task's loss rises along the shortest average; other w_i give that up. It leans to the smallest gradient: of two
orthogonal ones, a_i is in proportion to 1 / |g_i|^2. K, the number of tasks with a gradient, makes equal orthogonal gradients the
same as fixed weights. torchjd has the solver, Frank-Wolfe of Sener & Koltun's Algorithm 2. The papers have no task weights.
"""

import dataclasses
import functools
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ser_core.options import at_least
from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class Mgda(WeightingOption):
    """Settings of MGDA."""

    cost: ClassVar[float | None] = 1.88
    name: str = "mgda"
    """This option's name."""
    iterations: int = 100
    """Most steps of the solver, at least 1; it ends earlier once a step moves the weights by less than 0.001."""

    def __post_init__(self) -> None:
        at_least(self, "iterations", 1)

    def build(self) -> Weighting:
        return GramianWeighting(functools.partial(shortest, iterations=self.iterations))


def shortest(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"], iterations: int) -> Float[Tensor, "tasks"]:
    """Returns K w_i a_i. `gramian` holds the inner products of the gradients."""
    from torchjd.aggregation import MGDAWeighting

    return len(weights) * weights * MGDAWeighting(max_iters=iterations)(gramian)
