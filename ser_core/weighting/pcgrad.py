"""PCGrad (Yu et al. 2020, arXiv 2001.06782): removes the components in which the gradients of two tasks conflict.

    for each task i, over the other tasks j in random order:  if <g_i, g_j> < 0:  g_i <- g_i - <g_i, g_j> / |g_j|^2 g_j
    trunk: sum_i g_i after that        heads: as with fixed weights
g_j is the original gradient of tasks.<name>.weight times the loss, on the trunk: the weights scale the projected gradients, not
the directions. torchjd does the projection, from inner products alone; the step's key determines the order.
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ser_core.weighting.weighting import State, Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class PcGrad(WeightingOption):
    """Settings of PCGrad: none."""

    cost: ClassVar[float | None] = 1.91
    name: str = "pcgrad"
    """This option's name."""

    def build(self) -> Weighting:
        return ProjectedWeighting()


class ProjectedWeighting(Weighting):
    """Factors under which the sum of the tasks' gradients equals the sum of the projected ones."""

    batched: ClassVar[bool] = False
    reads_gradients: ClassVar[bool] = True

    def __init__(self) -> None:
        from torchjd.aggregation import PCGradWeighting

        self.project = PCGradWeighting()

    def on_trunk(self, gramian: Float[Tensor, "tasks tasks"], state: State, key: Int[Tensor, ""]) -> Float[Tensor, "tasks"]:
        weights = state["tasks"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(key))
            return self.project(weights[:, None] * gramian * weights) * weights
