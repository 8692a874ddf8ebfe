"""Which utterances a contrast holds together and which apart: the batch against itself and what is remembered.

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
    """The projections that anchors are compared with, and how each stands to each anchor."""

    projections: Float[Tensor, "others dims"]
    """The batch's, then the remembered ones."""
    own: Bool[Tensor, "batch others"]
    """The anchor itself, as it is now."""
    same: Bool[Tensor, "batch others"]
    """Another utterance of the anchor's group."""
    other: Bool[Tensor, "batch others"]
    """Another utterance of any group. An older projection of the anchor itself is neither same nor other."""


def paired(projections: Float[Tensor, "batch dims"], targets: Int[Tensor, "batch 2"], past: Memory | None) -> Pairs:
    """The pairs of a batch whose targets are (group, utterance), group -1 being none."""
    everyone, all_targets = projections, targets
    if past is not None:
        everyone = torch.cat([projections, past.outputs.to(projections.dtype)])
        all_targets = torch.cat([targets, past.targets])
    labelled = (targets[:, :1] >= 0) & (all_targets[:, 0] >= 0)
    other = labelled & (targets[:, 1:] != all_targets[:, 1])
    own = labelled & torch.eye(len(targets), len(everyone), dtype=torch.bool, device=targets.device)
    return Pairs(everyone, own, other & (targets[:, :1] == all_targets[:, 0]), other)


def grouped(groups: Iterable[str]) -> Int[Tensor, "utterances 2"]:
    """(group, utterance) of every utterance, groups numbered in order of name, "" being none.

    >>> grouped(["b", "", "a", "b"]).tolist()
    [[1, 0], [-1, 1], [0, 2], [1, 3]]
    """
    names = list(groups)
    numbers = {name: number for number, name in enumerate(sorted(set(names) - {""}))}
    return torch.tensor([[numbers.get(name, -1), row] for row, name in enumerate(names)])
