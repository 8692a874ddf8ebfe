"""Models of one structure whose parameters are slices of common tensors, and one step of all of them.

    parameters [models ...]  --vmap of weighted_loss-->  loss of each model  --sum, backward-->  gradients [models ...]
Each model's own parameters are views of its slice, so code that reads, saves or steps a single model keeps working.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ser_core.tasks import Memory
from ser_core.training.packed.collate import Parts, batch_of_one
from ser_core.training.step import weighted_loss
from ser_core.training.train_state import TrainState

Stepped = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]
"""For each model: the loss to differentiate, the loss of each task, and the outputs that heads remember."""


class Stack:
    """The models of these states. `release` gives each model its parameters back as separate tensors."""

    def __init__(self, states: Sequence[TrainState]) -> None:
        self.states = list(states)
        every = [dict(state.model.named_parameters()) for state in states]
        self.trained = [name for name, value in every[0].items() if value.requires_grad]
        self.owned: list[list[nn.Parameter]] = [[own[name] for name in self.trained] for own in every]
        with torch.no_grad():
            self.values = {name: torch.stack([own[name].detach() for own in every]) for name in self.trained}
            constants = [self._constants(state) for state in states]
            self.constants = {name: torch.stack([own[name] for own in constants]) for name in constants[0]}
            for number, own in enumerate(every):
                for name in self.trained:
                    # A view of the slice: when a model's optimiser steps, it writes into the common tensor.
                    own[name].data = self.values[name][number]

    def holds(self, states: Sequence[TrainState]) -> bool:
        """Whether the stack consists of these states in this order."""
        return len(states) == len(self.states) and all(map(lambda one, other: one is other, states, self.states))

    def release(self) -> None:
        for own in self.owned:
            for parameter in own:
                # Copies, so that the memory of the stack becomes free.
                parameter.data = parameter.data.clone()

    def gradients(self, count: int, parts: Parts, keys: Tensor) -> Stepped:
        """Sets the gradients of the first `count` models for a step with these batches and keys."""
        state, some = self.states[0], self.states[:count]
        # New leaves without a copy, for the models that have steps left.
        leaves = {name: value[:count].detach().requires_grad_() for name, value in self.values.items()}
        learned = state.weighting.learned
        states = {name: torch.stack([each.weighting_state[name].detach() for each in some]) for name in state.weighting_state}
        drawn = [leaves[name] for name in self.trained] + [states[name].requires_grad_() for name in learned]
        memory = {
            name: [torch.stack(kind) for kind in zip(*(each.memory[name] for each in some), strict=True)] for name in state.memory
        }
        constants = {name: value[:count] for name, value in self.constants.items()}

        def alone(leaves: Any, constants: Any, states: Any, memory: Any, parts: Parts, key: Tensor) -> Stepped:
            known = {name: Memory(*kinds) for name, kinds in memory.items()}
            loss, losses, outputs = weighted_loss(state, {**leaves, **constants}, states, known, batch_of_one(parts), key)
            return loss, losses, {name: outputs[name] for name in known}

        loss, losses, outputs = torch.func.vmap(alone)(leaves, constants, states, memory, parts, keys)
        # The models share no parameter, so the gradient of the sum holds the gradient of each model.
        found = torch.autograd.grad(loss.sum(), drawn, allow_unused=True)
        # Fused AdamW on a CPU assumes that gradients have the same memory layout as parameters.
        found = [None if each is None else each.contiguous() for each in found]
        for number, each in enumerate(some):
            own = [*self.owned[number], *(each.weighting_state[name] for name in learned)]
            for parameter, gradient in zip(own, found, strict=True):
                parameter.grad = None if gradient is None else gradient[number]
        return loss.detach(), losses, outputs

    def _constants(self, state: TrainState) -> dict[str, Tensor]:
        frozen = {name: value.detach() for name, value in state.model.named_parameters() if not value.requires_grad}
        return {**frozen, **dict(state.model.named_buffers())}
