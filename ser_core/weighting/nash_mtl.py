"""Nash-MTL (Navon et al. 2022, arXiv 2202.01017): the tasks bargain for the step, and nobody can gain without others losing more.

    G a = 1 / a, a > 0        trunk: sum_i w_i a_i g_i        heads: as with fixed weights
G holds the inner products of the gradients g_i over their mean square length; w_i is tasks.<name>.weight, which the paper does
not have. With w_i = 1 the step lowers every loss and is sqrt(K) times as long as a gradient, so large gradients do not dominate.

Departures: the paper approximates a by a series of convex problems in cvxpy with ECOS (GPL). But a is also where the convex
a^T G a / 2 - sum log a is least, which Newton's method finds exactly. The paper's clipping of the step is optim.clip here. The
paper may solve only every few steps to save time; here each step solves, because the tasks' gradients are what costs.
"""

import dataclasses
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption

RIDGE = 1e-6
"""Added to the diagonal of G: where some average of the gradients is 0, a would be infinite."""
ITERATIONS = 100


@dataclasses.dataclass(frozen=True)
class NashMtl(WeightingOption):
    """Settings of Nash-MTL: none."""

    cost: ClassVar[float | None] = 1.67
    name: str = "nash_mtl"
    """This option's name."""

    def build(self) -> Weighting:
        return GramianWeighting(bargained)


def bargained(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"]) -> Float[Tensor, "tasks"]:
    """Returns w_i a_i. `gramian` holds the inner products of the gradients, with 1 as the mean of its diagonal."""
    return weights * torch.as_tensor(bargain(gramian.double().numpy()), dtype=weights.dtype)


def bargain(gramian: np.ndarray) -> np.ndarray:
    """Returns a [tasks] with G a = 1 / a.

    >>> bargain(np.array([[4.0, 0.0], [0.0, 0.25]])).round(4).tolist()
    [0.5, 2.0]
    """
    products = gramian + RIDGE * np.eye(len(gramian))
    found = 1 / np.sqrt(products.diagonal())
    for _ in range(ITERATIONS):
        slope = products @ found - 1 / found
        step = np.linalg.solve(products + np.diag(found**-2), slope)
        decrement = np.sqrt(max(slope @ step, 0))
        # Shorter steps far from the solution: for a self-concordant function they stay positive and always get nearer.
        found = found - step / (1 + decrement if decrement > 0.25 else 1)
        if decrement < 1e-9:
            break
    return found
