"""FAMO (Liu et al. 2023, arXiv 2306.03792): all losses fall at the same rate, without the tasks' gradients.

    z = softmax(x)        sum_i w_i K c z_i / L_i L_i, the fractions constant        c = 1 / sum_i (z_i / L_i)
    x <- Adam step with the gradient sum_j (dz_j / dx_i) (log L_j before - log L_j after the optimiser's step) + decay x_i
Algorithm 2 of the paper, with L on the same batch, the same dropout and the same memory before and after. That is one more
forward pass per step, without gradients. w_i is tasks.<name>.weight and K the number of tasks with a label in the batch; the
paper has neither. A task without a label in a batch neither counts nor learns there. torchjd's FAMO has the same formula, and the
test compares with it, but its Adam and its losses cannot be saved with the model.
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.options import at_least
from ser_core.weighting.weighting import State, Weighting, WeightingOption

TINY = 1e-8
"""Added to a loss before its logarithm or inverse, as in the authors' code; also Adam's epsilon."""
BETAS = (0.9, 0.999)
"""Adam's decay rates."""


@dataclasses.dataclass(frozen=True)
class Famo(WeightingOption):
    """Settings of FAMO."""

    cost: ClassVar[float | None] = 1.54
    name: str = "famo"
    """This option's name."""
    rate: float = 0.025
    """Step size of Adam on the logits, at least 0 (they stay at 0); the paper uses 0.025."""
    decay: float = 0.001
    """How strongly the logits are pulled to 0, at least 0; the paper uses 0.001, its code 0.00001."""

    def __post_init__(self) -> None:
        at_least(self, "rate", 0)
        at_least(self, "decay", 0)

    def build(self) -> Weighting:
        return FamoWeighting(self.rate, self.decay)


class FamoWeighting(Weighting):
    """Logits that move against tasks whose loss fell most, with the moments of their Adam."""

    batched: ClassVar[bool] = False
    reads_update: ClassVar[bool] = True

    def __init__(self, step: float, decay: float) -> None:
        self.step, self.decay = step, decay

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        return {"tasks": tasks, **{name: torch.zeros_like(tasks) for name in ("logits", "mean", "square", "steps")}}

    def total(self, losses: Float[Tensor, "tasks"], state: State) -> Float[Tensor, ""]:
        present = losses.detach() > 0
        shares = _shares(state["logits"], present) / (losses.detach() + TINY)
        factors = present.sum() * shares / shares.sum().clamp(min=TINY)
        return (state["tasks"] * factors * losses).sum()

    def after_update(self, state: State, before: Float[Tensor, "tasks"], after: Float[Tensor, "tasks"]) -> State:
        present = before > 0
        shares = _shares(state["logits"], present)
        fell = torch.where(present, (before + TINY).log() - (after + TINY).log(), 0.0)
        # The product of `fell` with the derivative of a softmax.
        slope = shares * (fell - (shares * fell).sum()) + self.decay * state["logits"]
        steps = state["steps"] + 1
        mean = BETAS[0] * state["mean"] + (1 - BETAS[0]) * slope
        square = BETAS[1] * state["square"] + (1 - BETAS[1]) * slope**2
        moved = mean / (1 - BETAS[0] ** steps) / ((square / (1 - BETAS[1] ** steps)).sqrt() + TINY)
        return {**state, "logits": state["logits"] - self.step * moved, "mean": mean, "square": square, "steps": steps}


def _shares(logits: Tensor, present: Tensor) -> Tensor:
    """Returns the softmax over the tasks that are present; 0 for the others."""
    raised = torch.exp(logits - logits.max()) * present
    return raised / raised.sum().clamp(min=TINY)
