"""Self-contrast as a helper task: pulls together the features of an utterance that predict emotion, gender and style.

    z --adapter e--> x_e --> emotion head             adapter(z) = z + W_up GELU(W_down LN z)
    z --adapter g--> x_g --> gender head              L = (1 - cos(x_e, x_g)) + (1 - cos(x_e, x_s)) + (1 - cos(x_g, x_s))
    z --adapter s--> x_s --> style head
SCLcos of Gao et al. 2024 (ICASSP), as we read it, plus a constant: the paper prints cos(x_e - x_g). Their adapters for each task
come after a frozen encoder; placing them after the fused vector is our reconstruction. They live here and not in the heads, so
that without this task every head reads z itself.
"""

import dataclasses
from collections.abc import Collection
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from ser_core.corpus.corpus import Corpus
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.losses import self_contrast
from ser_core.options import at_least
from ser_core.tasks.emotion import Emotion
from ser_core.tasks.gender import Gender
from ser_core.tasks.style import Style
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views

COMPARED: dict[str, type[TaskOption]] = {"emotion": Emotion, "gender": Gender, "style": Style}
"""The tasks of the paper. Each predicts classes from one vector."""


@dataclasses.dataclass(frozen=True)
class SelfContrast(TaskOption):
    """Settings of self-contrast (placing it above the fused vector is a reconstruction)."""

    key: ClassVar[str] = "tasks.self_contrast"
    needs: ClassVar[str] = "labels for two of the tasks that it compares"
    lends: ClassVar[bool] = True
    hidden: int = 32
    """Inner width of each task's adapter, at least 1."""
    between: list[str] = dataclasses.field(default_factory=lambda: list(COMPARED))
    """Tasks with compared features, out of emotion, gender and style, as far as trained; needs at least two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "hidden", 1)
        if not set(self.between) <= set(COMPARED) or len(set(self.between)) < len(self.between):
            choices = ", ".join(COMPARED)
            raise SettingError(f"{self.key}.between must name some of {choices}, each once, got {', '.join(self.between)}")

    def restricted_to(self, active: Collection[str]) -> "SelfContrast":
        left = [name for name in self.between if name in active]
        return dataclasses.replace(self, between=left, weight=self.weight if len(left) > 1 else 0.0)

    def available(self, corpus: Corpus) -> bool:
        return sum(COMPARED[name]().available(corpus) for name in self.between) > 1

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns 0 for an utterance that takes part, -1 for one without a label of any of these tasks."""
        labelled = [COMPARED[name]().targets(corpus) >= 0 for name in self.between if COMPARED[name]().available(corpus)]
        return torch.stack(labelled).any(0).long() - 1

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return SelfContrastHead(self.between, width, self.hidden)


class SelfContrastHead(Head):
    """An adapter for each task; the output is the adapted features of the fused vector."""

    def __init__(self, tasks: list[str], width: int, inner: int) -> None:
        nn.Module.__init__(self)
        self.outputs, self.remembers = len(tasks) * width, 0
        self.adapters = nn.ModuleDict({name: VectorAdapter(width, inner) for name in tasks})

    def features(self, views: Views) -> dict[str, Float[Tensor, "batch width"]]:
        return {name: cast(Tensor, adapter(views.fused)) for name, adapter in self.adapters.items()}

    def parts_of(self, task: str) -> list[nn.Parameter]:
        return list(self.adapters[task].parameters()) if task in self.adapters else []

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch tasks width"]:
        return torch.stack(list(self.features(views).values()), 1)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        return self_contrast(output, (targets >= 0).to(output.dtype))


class VectorAdapter(nn.Module):
    """A residual bottleneck of the given inner width (Houlsby et al. 2019, arXiv 1902.00751)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down, self.up = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, vector: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        return vector + self.up(gelu(self.down(self.norm(vector))))
