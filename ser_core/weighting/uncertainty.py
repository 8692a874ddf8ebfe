"""Uncertainty weighting (Kendall, Gal & Cipolla 2018, arXiv 1705.07115): each task learns how noisy it is.

    sum_i w_i (exp(-s_i) L_i / 2 + s_i / 2)        s_i = log sigma_i^2, learned, 0 at first; w_i = tasks.<name>.weight
At the optimum, s_i is log L_i, so a task with a large loss counts less. w_i is outside the bracket: on the loss alone, s_i
would cancel it. torchjd's UW is the same formula without w_i, and the test compares with it.
The paper uses exp(-s) L for cross-entropy instead of half of it. That shifts s_i by log 2 and changes no weight at the optimum.
The losses here are not likelihoods (least of all 1 - CCC), so the weights are a balancing rule, not a measure of noise.
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.options import at_least
from ser_core.weighting.weighting import State, Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class Uncertainty(WeightingOption):
    """Settings of uncertainty weighting."""

    cost: ClassVar[float | None] = 1.07
    name: str = "uncertainty"
    """This option's name."""
    rate: float = 10.0
    """Factor on optim.learning_rate for the log variances, which have few steps to move; at least 0 (they stay at 0)."""

    def __post_init__(self) -> None:
        at_least(self, "rate", 0)

    def build(self) -> Weighting:
        return UncertaintyWeighting(self.rate)


class UncertaintyWeighting(Weighting):
    """Log variances that the optimiser learns, without weight decay and without clipping."""

    learned: ClassVar[tuple[str, ...]] = ("log_variance",)

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        return {"tasks": tasks, "log_variance": torch.zeros_like(tasks)}

    def weights(self, state: State) -> Float[Tensor, "tasks"]:
        return state["tasks"] * torch.exp(-state["log_variance"]) / 2

    def total(self, losses: Float[Tensor, "tasks"], state: State) -> Float[Tensor, ""]:
        return (self.weights(state) * losses + state["tasks"] * state["log_variance"] / 2).sum()
