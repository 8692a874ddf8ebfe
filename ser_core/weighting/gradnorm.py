"""GradNorm (Chen et al. 2018, arXiv 1711.02257): weights under which all tasks have similar gradient norms on the trunk.

    G_i = u_i |g_i|        target_i = mean(G) (l_i / mean(l))^alpha        l_i = L_i / L_i(first step)
    u_i <- u_i - rate d|G_i - target_i| / du_i = u_i - rate sign(G_i - target_i) |g_i|, then scaled to sum u = K tasks
g_i is task i's gradient on the trunk. The paper uses the last shared layer to save time; here the trunk is everything outside
the heads, because a concatenation has no such layer. The weight of a task is tasks.<name>.weight times u_i. The method balances
u_i |g_i| without tasks.<name>.weight, so the gradient norms end up in the ratio of these weights. Reconstruction: the paper does
not specify the optimiser of u (here plain gradient descent) or what happens to negative weights (here clamped at FLOOR).
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.options import at_least
from ser_core.weighting.weighting import State, Weighting, WeightingOption

FLOOR = 0.01
"""Minimum weight before scaling, so that a task never drops out."""


@dataclasses.dataclass(frozen=True)
class GradNorm(WeightingOption):
    """Settings of GradNorm."""

    cost: ClassVar[float | None] = 1.71
    name: str = "gradnorm"
    """This option's name."""
    alpha: float = 1.5
    """How strongly tasks that learn slowly are pushed, at least 0 (equal gradient norms); the paper uses 0.12 to 1.5."""
    rate: float = 0.025
    """Step size of the weights, at least 0 (they stay at 1); the paper uses 0.025."""

    def __post_init__(self) -> None:
        at_least(self, "alpha", 0)
        at_least(self, "rate", 0)

    def build(self) -> Weighting:
        return GradientNormWeighting(self.alpha, self.rate)


class GradientNormWeighting(Weighting):
    """Steps the weights against differences in gradient norm. A task takes part from its first labelled batch."""

    batched: ClassVar[bool] = False
    reads_gradients: ClassVar[bool] = True

    def __init__(self, alpha: float, step: float) -> None:
        self.alpha, self.step = alpha, step

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        return {"tasks": tasks, "balance": torch.ones_like(tasks), "first": torch.zeros_like(tasks)}

    def weights(self, state: State) -> Float[Tensor, "tasks"]:
        return state["tasks"] * state["balance"]

    def after_step(self, state: State, losses: Float[Tensor, "tasks"], norms: Float[Tensor, "tasks"]) -> State:
        first = torch.where(state["first"] > 0, state["first"], losses)
        left = torch.where(first > 0, losses / torch.where(first > 0, first, 1.0), 1.0)
        forces = state["balance"] * norms
        target = forces.mean() * (left / left.mean().clamp(min=1e-12)) ** self.alpha
        stepped = (state["balance"] - self.step * torch.sign(forces - target) * norms).clamp(min=FLOOR)
        return {**state, "first": first, "balance": stepped * len(stepped) / stepped.sum()}
