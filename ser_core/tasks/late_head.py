"""One head per channel, and the mean of their predictions: what late fusion makes of every task that predicts.

fused [batch parts*width] --split--> part c --head c--> output c        outputs --Head.joined--> output
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ser_core.keyed_dropout import DropoutKey
from ser_core.mixup import Partners
from ser_core.tasks.task import Head
from ser_core.tasks.views import Memory, Views


class LateHead(Head):
    """Heads of one task, each on its part of the fused vector. Loss, targets and answers are those of the task."""

    def __init__(self, heads: Sequence[Head], learned: bool) -> None:
        nn.Module.__init__(self)
        self.heads = nn.ModuleList(heads)
        self.outputs, self.remembers, self.mixes = heads[0].outputs, heads[0].remembers, heads[0].mixes  # type: ignore[misc]
        # A single share is 1, whatever is learned.
        self.shares = nn.Parameter(torch.zeros(len(heads))) if learned and len(heads) > 1 else None

    @property
    def first(self) -> Head:
        return cast(Head, self.heads[0])

    def forward(self, views: Views, noise: DropoutKey) -> Any:
        parts = views.fused.chunk(len(self.heads), -1)
        outputs = [head(dataclasses.replace(views, fused=part), noise) for head, part in zip(self.heads, parts, strict=True)]
        equal = torch.zeros(len(parts), device=parts[0].device)
        return self.first.joined(torch.stack(outputs), (equal if self.shares is None else self.shares).softmax(0))

    def fit_targets(self, targets: Tensor) -> None:
        for head in self.heads:
            cast(Head, head).fit_targets(targets)

    def loss(self, output: Any, targets: Tensor, past: Memory | None = None) -> Tensor:
        return self.first.loss(output, targets, past)

    def mix(self, targets: Tensor, partners: Partners) -> Tensor:
        return self.first.mix(targets, partners)

    def answers(self, output: Any) -> Tensor:
        return self.first.answers(output)
