"""What a head can read: the views of a batch, and a memory of earlier batches.

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
    """A batch as heads see it. Most heads only read `fused`."""

    streams: Mapping[str, Stream]
    """Each channel after its stem, [batch time width]."""
    fused: Float[Tensor, "batch width"]
    """The fused vector z."""
    other: "Views | None" = None
    """The same utterances in another version, if the batch has one. Only training and heads that compare views use it."""


class Memory(NamedTuple):
    """The latest outputs of a head with their targets, oldest first. They are constants of a step and never differentiated.

    The size is fixed. Entries that are not filled yet are unlabelled, and every loss leaves them out.
    """

    outputs: Tensor
    """[size outputs]"""
    targets: Tensor
    """[size ...], like the task's own targets."""

    @classmethod
    def blank(cls, size: int, outputs: int, targets: Tensor) -> "Memory":
        """Returns an empty memory for targets like these: -1 or NaN everywhere."""
        absent = float("nan") if targets.is_floating_point() else -1
        return cls(torch.zeros(size, outputs), torch.full((size, *targets.shape[1:]), absent, dtype=targets.dtype))

    def to(self, device: torch.device) -> "Memory":
        return Memory(self.outputs.to(device), self.targets.to(device))

    def extended(self, outputs: Tensor, targets: Tensor) -> "Memory":
        """Returns the memory with a batch appended and the same number of oldest entries removed.

        >>> Memory.blank(3, 1, torch.tensor([0])).extended(torch.ones(2, 1), torch.tensor([4, 5])).targets
        tensor([-1,  4,  5])
        """
        size = len(self.outputs)
        joined = torch.cat([self.outputs, outputs.detach().to(self.outputs.dtype)])
        return Memory(joined[-size:], torch.cat([self.targets, targets])[-size:])
