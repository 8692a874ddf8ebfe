"""UPGrad (Quinton & Rey 2024, arXiv 2406.16232): each gradient without what harms any task.

    trunk: sum_i project(w_i g_i)        heads: as with fixed weights
project takes the nearest vector that has no negative inner product with any gradient; w_i is tasks.<name>.weight, the paper's
preference. So no task's loss rises, whatever w_i, and without conflicts it is the same as fixed weights.

    project(J^T u) = J^T v        v = argmin v^T G v over v >= u        G = J J^T
torchjd has the method. Its own solver for v needs quadprog (GPL) and qpsolvers; scipy's non-negative least squares does the same.
"""

import dataclasses
from typing import ClassVar

import numpy as np
import scipy.optimize
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting, WeightingOption

RIDGE = 1e-9
"""Least eigenvalue of G, as a share of the largest: gradients that depend on each other would leave v undetermined."""


@dataclasses.dataclass(frozen=True)
class UpGrad(WeightingOption):
    """Settings of UPGrad: none."""

    cost: ClassVar[float | None] = 1.82
    name: str = "upgrad"
    """This option's name."""

    def build(self) -> Weighting:
        return GramianWeighting(unconflicting)


def unconflicting(gramian: Float[Tensor, "tasks tasks"], weights: Float[Tensor, "tasks"]) -> Float[Tensor, "tasks"]:
    """Returns the factors of the gradients in the sum of the projected ones. `gramian` holds their inner products."""
    from torchjd.aggregation import UPGradWeighting
    from torchjd.linalg import DualConeProjector

    class Projector(DualConeProjector):
        """Projects with `project`."""

        def __call__(self, U: Tensor, G: Tensor) -> Tensor:
            return torch.as_tensor(project(U.double().numpy(), G.double().numpy()), dtype=U.dtype)

    return UPGradWeighting(weights, projector=Projector())(gramian)


def project(given: np.ndarray, gramian: np.ndarray) -> np.ndarray:
    """Returns v for each row u of `given` [... tasks].

    >>> project(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, -0.5], [-0.5, 1.0]])).round(6).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    values, vectors = np.linalg.eigh(gramian)
    root = np.sqrt(values.clip(min=RIDGE * values[-1]))[:, None] * vectors.T
    # v = u + x with x >= 0, and v^T G v = |root u + root x|^2.
    return np.stack([each + scipy.optimize.nnls(root, -root @ each)[0] for each in given])
