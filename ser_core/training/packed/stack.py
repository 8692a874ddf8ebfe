"""Models of one structure whose parameters are slices of common tensors, and one step of all of them.

    parameters [models ...]  --vmap of weighted_loss-->  loss of each model  --sum, backward-->  gradients [models ...]
Each model's own parameters are views of its slice: what reads, saves or steps the model alone goes on doing so.
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
"""Of each model: the loss that is differentiated, the loss of each task, and the outputs that heads remember."""


class Stack:
    """The models of these courses. `release` gives each its parameters back, in tensors of its own."""

    def __init__(self, courses: Sequence[TrainState]) -> None:
        self.courses = list(courses)
        every = [dict(course.model.named_parameters()) for course in courses]
        self.trained = [name for name, value in every[0].items() if value.requires_grad]
        self.owned: list[list[nn.Parameter]] = [[own[name] for name in self.trained] for own in every]
        with torch.no_grad():
            self.values = {name: torch.stack([own[name].detach() for own in every]) for name in self.trained}
            constants = [self._constants(course) for course in courses]
            self.constants = {name: torch.stack([own[name] for own in constants]) for name in constants[0]}
            for number, own in enumerate(every):
                for name in self.trained:
                    own[name].data = self.values[name][number]

    def holds(self, courses: Sequence[TrainState]) -> bool:
        """Whether it is made of these courses in this order."""
        return len(courses) == len(self.courses) and all(map(lambda one, other: one is other, courses, self.courses))

    def release(self) -> None:
        for own in self.owned:
            for parameter in own:
                parameter.data = parameter.data.clone()

    def gradients(self, count: int, parts: Parts, keys: Tensor) -> Stepped:
        """Leaves on the first `count` models the gradients of a step under these batches and keys."""
        course, some = self.courses[0], self.courses[:count]
        leaves = {name: value[:count].detach().requires_grad_() for name, value in self.values.items()}
        learned = course.weighting.learned
        states = {name: torch.stack([each.state[name].detach() for each in some]) for name in course.state}
        drawn = [leaves[name] for name in self.trained] + [states[name].requires_grad_() for name in learned]
        memory = {
            name: [torch.stack(kind) for kind in zip(*(each.memory[name] for each in some), strict=True)]
            for name in course.memory
        }
        constants = {name: value[:count] for name, value in self.constants.items()}

        def alone(leaves: Any, constants: Any, states: Any, memory: Any, parts: Parts, key: Tensor) -> Stepped:
            known = {name: Memory(*kinds) for name, kinds in memory.items()}
            loss, losses, outputs = weighted_loss(course, {**leaves, **constants}, states, known, batch_of_one(parts), key)
            return loss, losses, {name: outputs[name] for name in known}

        loss, losses, outputs = torch.func.vmap(alone)(leaves, constants, states, memory, parts, keys)
        found = torch.autograd.grad(loss.sum(), drawn, allow_unused=True)
        # The fused AdamW of a CPU takes it that gradients lie in memory as parameters do.
        found = [None if each is None else each.contiguous() for each in found]
        for number, each in enumerate(some):
            own = [*self.owned[number], *(each.state[name] for name in learned)]
            for parameter, gradient in zip(own, found, strict=True):
                parameter.grad = None if gradient is None else gradient[number]
        return loss.detach(), losses, outputs

    def _constants(self, course: TrainState) -> dict[str, Tensor]:
        frozen = {name: value.detach() for name, value in course.model.named_parameters() if not value.requires_grad}
        return {**frozen, **dict(course.model.named_buffers())}
