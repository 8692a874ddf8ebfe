"""CAGrad (Liu et al. 2021, arXiv 2110.14048): near the sum of the gradients, the direction that serves the worst task most.

    s = sum_i w_i g_i        trunk: argmax over |d - s| <= c |s| of min_i <g_i, d>        heads: as with fixed weights
    d = s + c |s| g_v / |g_v|        g_v = sum_i v_i g_i        v = argmin <g_v, s> + c |s| |g_v| over v_i >= 0, sum v = 1
w_i is tasks.<name>.weight. With w_i = 1, d is K times the paper's, which takes the mean for s. For c below 1 it converges where
the weighted sum of the losses is least. torchjd's solver needs cvxpy and clarabel; scipy's SLSQP solves the same problem.
"""

import dataclasses
import functools
from typing import ClassVar

import numpy as np
import scipy.optimize
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.options import at_least
from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption

TINY = 1e-12
"""Added to |g_v|^2, whose root has no slope at 0."""


@dataclasses.dataclass(frozen=True)
class CaGrad(WeightingOption):
    """Settings of CAGrad."""

    cost: ClassVar[float | None] = 1.86
    name: str = "cagrad"
    """This option's name."""
    c: float = 0.4
    """How far d may be from the sum of the gradients, as a share of its length; at least 0 (fixed weights). The paper uses 0.2
    to 0.5 and guarantees convergence below 1."""

    def __post_init__(self) -> None:
        at_least(self, "c", 0)

    def build(self) -> Weighting:
        return GramianWeighting(functools.partial(conflict_averse, c=self.c))


def conflict_averse(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"], c: float) -> Float[Tensor, "tasks"]:
    """Returns the factors of the gradients in d. `gramian` holds their inner products."""
    products, prior = gramian.double().numpy(), weights.double().numpy()
    radius = c * float(np.sqrt(max(prior @ products @ prior, 0)))
    found = worst_case(products, products @ prior, radius)
    length = np.sqrt(max(found @ products @ found, 0) + TINY)
    return torch.as_tensor(prior + radius / length * found, dtype=weights.dtype)


def worst_case(products: np.ndarray, with_sum: np.ndarray, radius: float) -> np.ndarray:
    """Returns v [tasks]. `products` are the inner products of the gradients, `with_sum` those with s; radius is c |s|."""

    def value_and_slope(v: np.ndarray) -> tuple[float, np.ndarray]:
        length = np.sqrt(max(v @ products @ v, 0) + TINY)
        return float(v @ with_sum + radius * length), with_sum + radius / length * (products @ v)

    count = len(products)
    found = scipy.optimize.minimize(
        value_and_slope,
        np.full(count, 1 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1, "jac": lambda v: np.ones(count)},
        options={"ftol": 1e-10, "maxiter": 200},
    )
    # SLSQP leaves the simplex by rounding; without success its last point still is a combination, and d stays within its ball.
    inside = found.x.clip(0, 1)
    return inside / inside.sum()
