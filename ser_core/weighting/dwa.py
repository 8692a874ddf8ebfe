"""Dynamic weight averaging (Liu, Johns & Davison 2019, arXiv 1803.10704): tasks whose loss falls slowly count more.

    lambda_i = K softmax(r_i / T)        r_i = L_i(last epoch) / L_i(the one before); 1 in the first two epochs; K tasks
The weight of a task is tasks.<name>.weight times lambda_i. torchjd's DWA has the same formula, and the test compares with it,
but it keeps its history outside any state that could be saved or batched over models.
"""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.options import Situation, at_least
from ser_core.weighting.weighting import State, Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class Dwa(WeightingOption):
    """Settings of dynamic weight averaging."""

    cost: ClassVar[float | None] = 0.95
    name: str = "dwa"
    """This option's name."""
    temperature: float = 2.0
    """T, above 0; a larger T makes the weights more equal. The paper uses 2."""

    def __post_init__(self) -> None:
        at_least(self, "temperature", 1e-6)

    def without_effect(self, situation: Situation) -> dict[str, str]:
        config = situation.config
        longest = max(config.optim.epochs if stage.epochs is None else stage.epochs for stage in config.stages.all().values())
        early = {"": f"its weights change from epoch 3, but the longest stage ends after epoch {longest}"} if longest < 3 else {}
        return super().without_effect(situation) or early

    def build(self) -> Weighting:
        return DynamicWeighting(self.temperature)


class DynamicWeighting(Weighting):
    """Weights from the mean losses of the last two epochs. A task without a loss in the earlier one has ratio 1."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        return {"tasks": tasks, "ratios": torch.ones_like(tasks), "last": torch.zeros_like(tasks)}

    def weights(self, state: State) -> Float[Tensor, "tasks"]:
        shares = torch.softmax(state["ratios"] / self.temperature, dim=-1)
        return state["tasks"] * shares * shares.shape[-1]

    def after_epoch(self, state: State, losses: Float[Tensor, "tasks"]) -> State:
        known = state["last"] > 0
        ratios = torch.where(known, losses / torch.where(known, state["last"], 1.0), 1.0)
        return {**state, "ratios": ratios, "last": losses}
