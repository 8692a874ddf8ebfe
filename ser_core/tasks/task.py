"""What every task offers: targets from the corpus, a head, a loss, and the columns that its predictions fill."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ser_core.corpus.corpus import Corpus
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import Option, at_least
from ser_core.tasks.views import Memory, Views


class Head(nn.Module):
    """Base of the task heads: reads the views of a batch, predicts, and compares with the targets."""

    def __init__(self, width: int, outputs: int, hidden: int, dropout: float, remembers: int = 0) -> None:
        super().__init__()
        self.outputs, self.remembers = outputs, remembers
        self.dropout = Dropout(dropout)
        self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.GELU()) if hidden else nn.Identity()
        self.out = nn.Linear(hidden or width, outputs)

    def forward(self, views: Views, noise: DropoutKey) -> Any:
        """[batch outputs] from the fused vector; a head that reads something else says what it returns."""
        return self.out(self.hidden(self.dropout(views.fused, noise)))

    def features(self, views: Views) -> dict[str, Float[Tensor, "batch width"]]:
        """What heads of other tasks read in place of the fused vector, by task."""
        return {}

    def fit_targets(self, targets: Tensor) -> None:
        """Takes constants such as class weights from the targets of the training part."""

    def loss(self, output: Any, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        """Mean loss over the labelled utterances of the batch; 0 without any. `past` is given to heads that remember."""
        raise NotImplementedError

    def answers(self, output: Any) -> Tensor:
        """What is kept of an output as the prediction, one row per utterance."""
        return output


@dataclasses.dataclass(frozen=True)
class TaskOption(Option):
    """Base of the tasks. A task of weight 0 builds no head and computes no loss."""

    key: ClassVar[str] = "tasks"
    batches: ClassVar[bool] = True
    """Whether head and loss run under torch.vmap, so that many models can be stepped as one program."""
    channels: ClassVar[tuple[str, ...]] = ()
    """Channels that the head reads by itself, beside the fused vector."""
    needs: ClassVar[str] = ""
    """What `available` looks for in a corpus, for the sentence that says that there is none."""
    weight: float = 0.0
    """Weight of this task in the summed loss, at least 0; 0 leaves its head out."""
    hidden: int = 0
    """Width of a hidden layer in the head, at least 0; 0 makes the head linear."""

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "hidden", 0)

    @property
    def over_batch(self) -> bool:
        """Whether the loss compares the utterances of a batch, so that batches whose gradients are averaged are no larger one."""
        return False

    def available(self, corpus: Corpus) -> bool:
        """Whether the corpus has the labels that this task needs."""
        raise NotImplementedError

    def targets(self, corpus: Corpus) -> Tensor:
        """One target per utterance, in the order of the corpus table; absent labels are -1 or NaN."""
        raise NotImplementedError

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        """The head for a fused vector of `width` and streams of width `streams`."""
        raise NotImplementedError

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        """Targets and predictions as the columns of TestPart.predictions; none for a task that answers nothing."""
        raise NotImplementedError

    def beside(self, active: Collection[str]) -> "TaskOption":
        """What is left of this task where only these tasks are trained, itself among them."""
        return self

    def left_out(self, targets: Tensor, steps: Mapping[str, Sequence[int]]) -> int:
        """How many labelled utterances the loss leaves out all the same, given the steps of each channel."""
        return 0


def class_loss(output: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> Float[Tensor, ""]:
    """Cross-entropy over the labelled utterances (target >= 0), weighted by class; 0 without any.

    Written without branches on the data, so that it batches over models.
    """
    summed = cross_entropy(output, targets, weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing)
    counted = weights[targets.clamp(min=0)] * (targets >= 0)
    return summed / counted.sum().clamp(min=1e-8)


def class_columns(task: str, classes: list[str], output: Tensor, targets: Tensor) -> pd.DataFrame:
    """`<task>.target`, `<task>.predicted` and one probability per class; "" for an unlabelled utterance."""
    probabilities = output.double().softmax(-1)
    named: dict[str, Any] = {
        f"{task}.target": [classes[index] if index >= 0 else "" for index in targets.tolist()],
        f"{task}.predicted": [classes[index] for index in probabilities.argmax(-1).tolist()],
    }
    named |= {f"{task}.p.{name}": probabilities[:, index].tolist() for index, name in enumerate(classes)}
    return pd.DataFrame(named)


def class_numbers(labels: Iterable[str], classes: list[str]) -> Tensor:
    """Class numbers of the labels, -1 where the label is none of the classes."""
    numbers = {name: index for index, name in enumerate(classes)}
    return torch.tensor([numbers.get(label, -1) for label in labels], dtype=torch.long)
