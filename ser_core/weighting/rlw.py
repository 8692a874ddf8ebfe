"""RLW (Lin et al. 2022, TMLR, arXiv 2111.10603): weights drawn anew for every batch, the test of whether a method beats chance.

    w_i K softmax(z)_i L_i        z_i from a standard normal distribution; K tasks; w_i = tasks.<name>.weight
The paper has no K; with it, the mean factor is 1. The numbers depend on the key of the step and so on the seed of the
configuration, like dropout. torchjd's Random draws from the global generator instead, which no checkpoint restores.
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ser_core.keyed_dropout import uniform
from ser_core.weighting.weighting import State, Weighting, WeightingOption

SITE = 0
"""The place from which the numbers are drawn; layers count from 1."""


@dataclasses.dataclass(frozen=True)
class Rlw(WeightingOption):
    """Settings of random loss weighting: none."""

    cost: ClassVar[float | None] = 0.98
    name: str = "rlw"
    """This option's name."""

    def build(self) -> Weighting:
        return RandomWeighting()


class RandomWeighting(Weighting):
    """Weights from the key of each step."""

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        return {"tasks": tasks, "drawn": torch.zeros_like(tasks)}

    def before_step(self, state: State, key: Int[Tensor, ""]) -> State:
        # Numbers of 24 bits: half a unit keeps them above 0, where the normal distribution ends.
        draws = uniform(key, SITE, tuple(state["tasks"].shape)).double() + 2.0**-25
        return {**state, "drawn": torch.special.ndtri(draws).to(state["tasks"])}

    def weights(self, state: State) -> Float[Tensor, "tasks"]:
        shares = torch.softmax(state["drawn"], dim=-1)
        return state["tasks"] * shares * shares.shape[-1]
