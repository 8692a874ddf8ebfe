"""What a head may look at: the views of a batch, and what it remembers of the batches before.

    stems -- streams --\\
             fusion --- fused ---> Views --> head --> output --> loss(output, targets, memory)
                                                        |                            |
                                                        +---- detached, appended ----+   (after the step)
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.batch import Stream


@dataclasses.dataclass(frozen=True)
class Views:
    """A batch as heads see it. Most read `fused` alone."""

    streams: Mapping[str, Stream]
    """Each channel after its stem, [batch time width]."""
    fused: Float[Tensor, "batch width"]
    """The fused vector z."""
    other: "Views | None" = None
    """The same utterances in another version, where the batch brings one: for training alone, and for heads that compare."""


class Memory(NamedTuple):
    """The latest outputs of a head with their targets, oldest first: constants of a step, never differentiated.

    Its size is fixed: what has not been filled yet is unlabelled, which every loss leaves out.
    """

    outputs: Tensor
    """[size outputs]"""
    targets: Tensor
    """[size ...], as the task's own."""

    @classmethod
    def blank(cls, size: int, outputs: int, targets: Tensor) -> "Memory":
        """Nothing remembered yet, for targets like these: -1 or NaN throughout."""
        absent = float("nan") if targets.is_floating_point() else -1
        return cls(torch.zeros(size, outputs), torch.full((size, *targets.shape[1:]), absent, dtype=targets.dtype))

    def to(self, device: torch.device) -> "Memory":
        return Memory(self.outputs.to(device), self.targets.to(device))

    def extended(self, outputs: Tensor, targets: Tensor) -> "Memory":
        """The same with a batch at its end and as many of the oldest gone.

        >>> Memory.blank(3, 1, torch.tensor([0])).extended(torch.ones(2, 1), torch.tensor([4, 5])).targets
        tensor([-1,  4,  5])
        """
        size = len(self.outputs)
        joined = torch.cat([self.outputs, outputs.detach().to(self.outputs.dtype)])
        return Memory(joined[-size:], torch.cat([self.targets, targets])[-size:])
