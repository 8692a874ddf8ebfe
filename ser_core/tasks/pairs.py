"""Which utterances a contrast pulls together and which it pushes apart: the batch against itself and the memory.

          batch        memory
anchor  [ own  same | same  other ]     own: the utterance itself; same: its group; other: labelled, not itself
"""

import dataclasses
from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ser_core.tasks.views import Memory


@dataclasses.dataclass(frozen=True)
class Pairs:
    """The projections that anchors are compared with, and the relation of each to each anchor."""

    projections: Float[Tensor, "others dims"]
    """Projections of the batch, then of the memory."""
    own: Bool[Tensor, "batch others"]
    """The anchor itself, in its current state."""
    same: Bool[Tensor, "batch others"]
    """Another utterance of the anchor's group."""
    other: Bool[Tensor, "batch others"]
    """An utterance of another group. An older projection of the anchor itself is neither same nor other."""


def paired(projections: Float[Tensor, "batch dims"], targets: Int[Tensor, "batch 2"], past: Memory | None) -> Pairs:
    """Returns the pairs of a batch with targets (group, utterance). Group -1 means none."""
    everyone, all_targets = projections, targets
    if past is not None:
        everyone = torch.cat([projections, past.outputs.to(projections.dtype)])
        all_targets = torch.cat([targets, past.targets])
    labelled = (targets[:, :1] >= 0) & (all_targets[:, 0] >= 0)
    other = labelled & (targets[:, 1:] != all_targets[:, 1])
    own = labelled & torch.eye(len(targets), len(everyone), dtype=torch.bool, device=targets.device)
    return Pairs(everyone, own, other & (targets[:, :1] == all_targets[:, 0]), other)


def grouped(groups: Iterable[str]) -> Int[Tensor, "utterances 2"]:
    """Returns (group, utterance) of every utterance, with groups numbered in order of name and -1 for "".

    >>> grouped(["b", "", "a", "b"]).tolist()
    [[1, 0], [-1, 1], [0, 2], [1, 3]]
    """
    names = list(groups)
    numbers = {name: number for number, name in enumerate(sorted(set(names) - {""}))}
    return torch.tensor([[numbers.get(name, -1), row] for row, name in enumerate(names)])
