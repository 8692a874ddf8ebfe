"""What every weighting provides: how the losses of several tasks become one step, and the state it keeps between steps.

    state --before_step(key)--> state
    losses [tasks] --total(state)--> one number --backward--> gradients
                                   tasks' own gradients on the trunk --on_trunk(state)--> one      (where it reads them)
    state --after_step--> state --(optimiser steps) after_update--> state --after_epoch--> state
The trunk is every parameter outside the heads. tasks.<name>.weight multiplies the weight that a method finds for that task; a
method that has a place for it (a preference, a sum) says so in its file.
"""

import dataclasses
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from ser_core.options import Option, Situation

State = dict[str, Tensor]
"""The state of a weighting apart from its settings, by name, saved and loaded as is. `tasks` holds tasks.<name>.weight."""


class Weighting:
    """Base of the weightings, and plain addition: sum_i w_i L_i. Its methods are pure; tasks are in the order of the model."""

    batched: ClassVar[bool] = True
    """Whether torch.func.vmap can step many models with this weighting as one program."""
    reads_gradients: ClassVar[bool] = False
    """Whether it needs each task's gradient on the trunk, which costs one backward pass per task."""
    reads_update: ClassVar[bool] = False
    """Whether it needs the losses of the same batch after the optimiser's step, which costs one more forward pass."""
    learned: ClassVar[tuple[str, ...]] = ()
    """Entries of the state that the optimiser learns along with the model."""
    rate: float = 1.0
    """Factor on the learning rate of `learned`."""

    def begin(self, tasks: Float[Tensor, "tasks"]) -> State:
        """Returns the state before the first step, given tasks.<name>.weight."""
        return {"tasks": tasks}

    def before_step(self, state: State, key: Int[Tensor, ""]) -> State:
        """Returns the state with which a batch is weighed. `key` seeds the step; the layers draw their dropout from it too."""
        return state

    def weights(self, state: State) -> Float[Tensor, "tasks"]:
        """Returns the factor of each task's loss in the total."""
        return state["tasks"]

    def total(self, losses: Float[Tensor, "tasks"], state: State) -> Float[Tensor, ""]:
        """Returns the loss that a step differentiates."""
        return (self.weights(state) * losses).sum()

    def on_trunk(self, gramian: Float[Tensor, "tasks tasks"], state: State, key: Int[Tensor, ""]) -> Float[Tensor, "tasks"]:
        """Returns the factor of each task's gradient on the trunk. `gramian` holds inner products; `key` seeds the step."""
        return self.weights(state)

    def after_step(self, state: State, losses: Float[Tensor, "tasks"], norms: Float[Tensor, "tasks"]) -> State:
        """Returns the state after a step. `norms` are the tasks' gradient norms on the trunk (0 unless it reads gradients)."""
        return state

    def after_update(self, state: State, before: Float[Tensor, "tasks"], after: Float[Tensor, "tasks"]) -> State:
        """Returns the state after the optimiser's step, given the losses of the same batch before and after it.

        Called only if it reads the update. Dropout and memory are the same in both; with optim.accumulate the losses are means.
        """
        return state

    def after_epoch(self, state: State, losses: Float[Tensor, "tasks"]) -> State:
        """Returns the state after an epoch with these mean losses."""
        return state


@dataclasses.dataclass(frozen=True)
class WeightingOption(Option):
    """Base of the weighting options: settings, and `build`. A single task is always summed plainly."""

    key: ClassVar[str] = "weighting"
    cost_meaning: ClassVar[str] = "processor time of a training step against fixed weights, with three tasks on a CPU"
    monitor: bool = False
    """Whether each epoch logs every task's weight, gradient norm and cosines on the trunk; costs one backward pass per task."""

    def without_effect(self, situation: Situation) -> dict[str, str]:
        config = situation.config.settled(situation.corpus, situation.config.model.channels)
        weights = {name: task.weight for name, task in config.tasks.active().items()}
        counted = [weights | stage.weights.given() for stage in config.stages.all().values()]
        together = max(sum(weight > 0 for weight in each.values()) for each in counted)
        return {} if together > 1 else {"": "only one task is trained, so there is nothing to weight"}

    def build(self) -> Weighting:
        """Builds the method for two or more tasks."""
        raise NotImplementedError
