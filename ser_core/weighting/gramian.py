"""How methods that combine the tasks' gradients run: from inner products alone, on the trunk alone.

    gradients of the tasks on the trunk --inner products--> Gramian [tasks tasks] --method--> factor of each gradient
    heads: as with fixed weights
A task without a gradient (no label in the batch) takes no part, or the shortest combination would always be that task alone. The
Gramian is divided by the mean of its diagonal: no method depends on the common size of the gradients, but solvers do.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ser_core.weighting.weighting import State, Weighting

Method = Callable[[Float[Tensor, "tasks tasks"], Float[Tensor, "tasks"]], Float[Tensor, "tasks"]]
"""Factors of the gradients from their Gramian and tasks.<name>.weight, on the CPU. Equal orthogonal gradients get the weights."""


class GramianWeighting(Weighting):
    """Combines the tasks' gradients on the trunk with a method that reads their inner products."""

    batched: ClassVar[bool] = False
    reads_gradients: ClassVar[bool] = True

    def __init__(self, method: Method) -> None:
        self.method = method

    def on_trunk(self, gramian: Float[Tensor, "tasks tasks"], state: State, key: Int[Tensor, ""]) -> Float[Tensor, "tasks"]:
        weights, local = state["tasks"], gramian.cpu()
        present = local.diagonal() > 0
        # One gradient has nothing to be combined with. A fold that diverges stops after its epoch: solve nothing until then.
        if present.sum() < 2 or not local.isfinite().all():
            return weights
        chosen = local[present][:, present]
        found = self.method(chosen / chosen.diagonal().mean(), weights.cpu()[present].to(chosen))
        factors = torch.zeros_like(weights)
        factors[present.to(weights.device)] = found.to(weights)
        return factors
