"""The emotion category: cross-entropy, KL divergence or focal loss, from single labels or from annotators' votes."""

import dataclasses
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from ser_core.corpus.corpus import Corpus
from ser_core.errors import SettingError
from ser_core.losses import soft_class_loss
from ser_core.mixup import Partners
from ser_core.options import Situation, at_least, one_of, within
from ser_core.tasks.task import Head, TaskOption, class_columns, class_loss, class_numbers
from ser_core.tasks.views import Memory


@dataclasses.dataclass(frozen=True)
class Emotion(TaskOption):
    """Settings of the emotion task."""

    key: ClassVar[str] = "tasks.emotion"
    needs: ClassVar[str] = "two emotion classes"
    predicts: ClassVar[str] = "classes"
    helper: ClassVar[bool] = False
    headline: ClassVar[str] = "uar"
    weight: float = 1.0
    """Weight of this task in the summed loss, at least 0; 0 removes its head."""
    target: str = "labels"
    """Target: labels (one emotion each) or votes (the share of annotators per emotion; without votes, not trained)."""
    loss: str = "cross_entropy"
    """cross_entropy, kl (cross-entropy minus the entropy of the votes: same gradient, minimum 0) or focal."""
    gamma: float = 2.0
    """How strongly loss=focal down-weights utterances it already gets right (Lin et al. 2017), at least 0; 0 is cross-entropy."""
    class_weights: str = "balanced"
    """Class weights in the loss: balanced (inverse to the class's share of the training part) or none."""
    label_smoothing: float = 0.1
    """Share of the target that is spread evenly over the classes (Szegedy et al. 2016), from 0 (none) to 0.9."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "target", ("labels", "votes"))
        one_of(self, "loss", ("cross_entropy", "kl", "focal"))
        at_least(self, "gamma", 0)
        one_of(self, "class_weights", ("balanced", "none"))
        within(self, "label_smoothing", 0, 0.9)

    def without_effect(self, situation: Situation) -> dict[str, str]:
        return {} if self.loss == "focal" else {"gamma": f"tasks.emotion.loss={self.loss} does not use it, only focal does"}

    def check(self, config: Any) -> None:
        sampled = [stage.sampling or config.optim.sampling for stage in config.stages.all().values()]
        if "balanced" in sampled and self.class_weights == "balanced":
            raise SettingError(
                "sampling=balanced and tasks.emotion.class_weights=balanced would count rare emotions up twice; "
                "add tasks.emotion.class_weights=none, or use sampling=shuffled (in optim or the stage)"
            )

    def available(self, corpus: Corpus) -> bool:
        return len(corpus.classes) >= 2

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns class numbers [utterances]; with target=votes [utterances 1+classes], the number to score and the shares."""
        numbers = class_numbers(corpus.column("emotion"), list(corpus.classes))
        if self.target == "labels":
            return numbers
        if corpus.votes is None:
            raise SettingError(f"tasks.emotion.target=votes: corpus {corpus.name} has no votes; use target=labels")
        return torch.cat([numbers[:, None].float(), torch.as_tensor(corpus.votes, dtype=torch.float32)], dim=1)

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        classes, balanced = len(corpus.classes), self.class_weights == "balanced"
        if self.target == "labels" and self.loss == "cross_entropy":
            return ClassHead(width, classes, self.hidden, dropout, balanced, self.label_smoothing)
        gamma, divergence = self.gamma if self.loss == "focal" else 0.0, self.loss == "kl"
        return SoftClassHead(width, classes, self.hidden, dropout, balanced, self.label_smoothing, gamma, divergence)

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        numbers = targets if targets.ndim == 1 else targets[:, 0].long()
        return class_columns("emotion", list(corpus.classes), output, numbers)


class ClassHead(Head):
    """Predicts class logits and computes their cross-entropy."""

    mixes: ClassVar[bool] = True
    class_weights: Float[Tensor, "classes"]

    def __init__(self, width: int, classes: int, hidden: int, dropout: float, balanced: bool, smoothing: float = 0.0) -> None:
        super().__init__(width, classes, hidden, dropout)
        self.balanced, self.smoothing = balanced, smoothing
        self.register_buffer("class_weights", torch.ones(classes))

    def fit_targets(self, targets: Tensor) -> None:
        if self.balanced:
            counts = torch.bincount(targets[targets >= 0], minlength=len(self.class_weights)).clamp(min=1)
            self.class_weights.copy_(counts.sum() / (len(counts) * counts))

    def joined(
        self, outputs: Float[Tensor, "parts batch classes"], shares: Float[Tensor, "parts"]
    ) -> Float[Tensor, "batch classes"]:
        """Returns the logarithm of the mean probabilities, which are logits again."""
        return (outputs.log_softmax(-1) + shares.to(outputs.dtype).log()[:, None, None]).logsumexp(0)

    def shares(self, targets: Tensor) -> Float[Tensor, "batch classes"]:
        """Returns the share of each class, NaN without a label or votes."""
        if targets.ndim == 2:
            return targets[:, 1:]
        whole = one_hot(targets.clamp(min=0), len(self.class_weights)).float()
        return torch.where(targets[:, None] >= 0, whole, torch.nan)

    def mix(self, targets: Tensor, partners: Partners) -> Tensor:
        """Returns [batch 1+classes], as `targets` with votes: no number to score, and the mixed shares."""
        shares = partners.mix(self.shares(targets))
        return torch.cat([torch.full_like(shares[:, :1], -1), shares], dim=1)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        if targets.ndim == 2:  # mixed
            return soft_class_loss(output, self.shares(targets), self.class_weights, self.smoothing)
        return class_loss(output, targets, self.class_weights, self.smoothing)


class SoftClassHead(ClassHead):
    """Predicts class logits and compares them with class shares: votes, or one class with a share of 1."""

    def __init__(
        self,
        width: int,
        classes: int,
        hidden: int,
        dropout: float,
        balanced: bool,
        smoothing: float,
        gamma: float,
        divergence: bool,
    ) -> None:
        super().__init__(width, classes, hidden, dropout, balanced, smoothing)
        self.gamma, self.divergence = gamma, divergence

    def fit_targets(self, targets: Tensor) -> None:
        """Sets balanced weights, in which votes count like labels."""
        if self.balanced:
            counts = self.shares(targets).nansum(0).clamp(min=1)
            self.class_weights.copy_(counts.sum() / (len(counts) * counts))

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        shares = self.shares(targets)
        return soft_class_loss(output, shares, self.class_weights, self.smoothing, self.gamma, self.divergence)
