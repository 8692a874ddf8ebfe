"""What every task offers: targets from the corpus, a head, a loss, and the columns that its predictions fill."""

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ser_core.corpus.corpus import Corpus
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.metrics import METRICS
from ser_core.metrics.prediction_columns import READERS, Columns
from ser_core.mixup import Partners
from ser_core.options import Option, at_least, within
from ser_core.tasks.views import Memory, Views


class Head(nn.Module):
    """Base of the task heads: reads the views of a batch, predicts, and compares predictions with the targets."""

    borrows: str = ""
    """Task whose head's output this head reads in place of the fused vector; empty for none."""
    mixes: ClassVar[bool] = False
    """Whether optim.mixup mixes what it reads and should predict; not for heads that compare utterances or read frames."""

    def __init__(self, width: int, outputs: int, hidden: int, dropout: float, remembers: int = 0) -> None:
        super().__init__()
        self.outputs, self.remembers = outputs, remembers
        self.dropout = Dropout(dropout)
        self.hidden: nn.Module = nn.Sequential(nn.Linear(width, hidden), nn.GELU()) if hidden else nn.Identity()
        self.out: nn.Module = nn.Linear(hidden or width, outputs)

    def forward(self, views: Views, noise: DropoutKey) -> Any:
        """Returns [batch outputs] from the fused vector. A head that reads something else documents what it returns."""
        return self.out(self.hidden(self.dropout(views.fused, noise)))

    def features(self, views: Views) -> dict[str, Float[Tensor, "batch width"]]:
        """Returns the features that heads of other tasks read instead of the fused vector, by task."""
        return {}

    def parts_of(self, task: str) -> list[nn.Parameter]:
        """Returns the parameters of this head that only `task`, another task, needs for its predictions."""
        return []

    def fit_targets(self, targets: Tensor) -> None:
        """Computes constants such as class weights from the targets of the training part."""

    def loss(self, output: Any, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        """Returns the mean loss over the labelled utterances of the batch; 0 without any. Heads with a memory get `past`."""
        raise NotImplementedError

    def mix(self, targets: Tensor, partners: Partners) -> Tensor:
        """Returns the targets of mixed utterances for `loss`, if the head mixes."""
        raise NotImplementedError

    def joined(self, outputs: Float[Tensor, "parts batch out"], shares: Float[Tensor, "parts"]) -> Float[Tensor, "batch out"]:
        """Returns the mean of the outputs of several such heads, weighted by shares that sum to 1 (late fusion)."""
        return torch.einsum("pbo,p->bo", outputs, shares.to(outputs.dtype))

    def answers(self, output: Any) -> Tensor:
        """Returns the prediction kept from an output, one row per utterance."""
        return output


@dataclasses.dataclass(frozen=True)
class TaskOption(Option):
    """Base of the tasks. A task of weight 0 builds no head and computes no loss."""

    key: ClassVar[str] = "tasks"
    batches: ClassVar[bool] = True
    """Whether head and loss run under torch.vmap, so that many models can be stepped as one program."""
    channels: ClassVar[tuple[str, ...]] = ()
    """Channels that the head reads directly, in addition to the fused vector."""
    needs: ClassVar[str] = ""
    """What `available` requires of a corpus, for the message when the corpus lacks it."""
    predicts: ClassVar[str] = ""
    """What it predicts: classes, ratings or texts; empty for a task without predictions. Decides which metrics score it."""
    lends: ClassVar[bool] = False
    """Whether heads of other tasks read features of its head (Head.features), so that predictions need it."""
    helper: ClassVar[bool] = True
    """Whether its scores carry its name (gender.uar) and choose the epoch only if no main task is trained."""
    reads_stored_views: ClassVar[bool] = False
    """Whether a training batch carries a stored version of each utterance for this task (see `stored`)."""
    headline: ClassVar[str] = ""
    """Metric that early stopping maximises for this task, such as uar; empty for a task that early stopping does not watch."""
    weight: float = 0.0
    """Weight of this task in the summed loss, at least 0; 0 removes its head."""
    hidden: int = 0
    """Width of a hidden layer in the head, at least 0; 0 makes the head linear."""
    dropout: float | None = None
    """Share of dimensions dropped before the head, from 0 (none) to 0.9; null means model.dropout."""

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "hidden", 0)
        if self.dropout is not None:
            within(self, "dropout", 0, 0.9)

    @property
    def over_batch(self) -> bool:
        """Whether the loss compares utterances of a batch, so that accumulating gradients does not enlarge the batch."""
        return False

    @property
    def stored(self) -> list[str]:
        """Returns the versions of each utterance that must be stored for this task; [] for none."""
        return []

    def check(self, config: Any) -> None:
        """Raises SettingError if other settings of the Config contradict this task; called if its weight is above 0."""

    def available(self, corpus: Corpus) -> bool:
        """Whether the corpus has the labels that this task needs."""
        raise NotImplementedError

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns one target per utterance, in the order of the corpus table; missing labels are -1 or NaN."""
        raise NotImplementedError

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        """Builds the head for a fused vector of `width` and streams of width `streams`."""
        raise NotImplementedError

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        """Returns targets and predictions as columns of TestPart.predictions. A task without predictions has no columns."""
        return pd.DataFrame(index=range(len(output)))

    def restricted_to(self, active: Collection[str]) -> "TaskOption":
        """Returns this task as it is when only the `active` tasks are trained."""
        return self

    @classmethod
    def score(cls, predictions: Columns, only: Collection[str] = METRICS) -> dict[str, float]:
        """Returns the `only` metrics that suit what this task predicts, by score name; {} if its columns are missing.

        Unlabelled utterances are left out.
        """
        task, found = cls.key.rpartition(".")[2], dict[str, float]()
        answers = {kind: read(predictions, task) for kind, read in READERS[cls.predicts].items()}
        for metric in METRICS.values():
            if metric.name not in only or (cls.helper and not metric.helpers):
                continue
            for part, (truth, predicted) in answers.get(metric.reads, {}).items():
                for each, value in metric.scores(truth, predicted).items():
                    found[".".join(filter(None, (cls.prefix(), metric.name, part, each)))] = value
        return found

    @classmethod
    def prefix(cls) -> str:
        """Returns what precedes the names of this task's scores: "" for a main task, its own name for a helper."""
        return cls.key.rpartition(".")[2] if cls.helper else ""

    @classmethod
    def headline_name(cls) -> str:
        """Returns the name of the score that early stopping maximises, such as uar or gender.uar; "" without one."""
        return ".".join(filter(None, (cls.prefix(), cls.headline))) if cls.headline else ""

    @classmethod
    def headline_metrics(cls) -> tuple[str, ...]:
        """Returns the metrics that must be computed for the headline."""
        return (METRICS[cls.headline].mean_of or cls.headline,) if cls.headline else ()

    @classmethod
    def headline_score(cls, scores: Mapping[str, float]) -> float:
        """Returns the headline among these scores; the mean over the defined parts for ratings. NaN without one."""
        parts = f"{METRICS[cls.headline].mean_of}." if cls.headline and METRICS[cls.headline].mean_of else ""
        names = [name for name in scores if parts and name.startswith(parts)] or [cls.headline_name()]
        values = [value for name in names if math.isfinite(value := scores.get(name, math.nan))]
        return sum(values) / len(values) if values else math.nan

    def left_out(self, targets: Tensor, steps: Mapping[str, Sequence[int]]) -> int:
        """Counts the labelled utterances that the loss cannot use, given the steps of each channel."""
        return 0


def class_loss(output: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> Float[Tensor, ""]:
    """Returns the cross-entropy over the labelled utterances (target >= 0), weighted by class; 0 without any.

    The code has no branches on the data, so that it batches over models.
    """
    summed = cross_entropy(output, targets, weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing)
    counted = weights[targets.clamp(min=0)] * (targets >= 0)
    return summed / counted.sum().clamp(min=1e-8)


def class_columns(task: str, classes: list[str], output: Tensor, targets: Tensor) -> pd.DataFrame:
    """Returns `<task>.target`, `<task>.predicted` and one probability per class; "" for an unlabelled utterance."""
    probabilities = output.double().softmax(-1)
    named: dict[str, Any] = {
        f"{task}.target": [classes[index] if index >= 0 else "" for index in targets.tolist()],
        f"{task}.predicted": [classes[index] for index in probabilities.argmax(-1).tolist()],
    }
    named |= {f"{task}.p.{name}": probabilities[:, index].tolist() for index, name in enumerate(classes)}
    return pd.DataFrame(named)


def class_numbers(labels: Iterable[str], classes: list[str]) -> Tensor:
    """Returns the class numbers of the labels, -1 for a label outside the classes."""
    numbers = {name: index for index, name in enumerate(classes)}
    return torch.tensor([numbers.get(label, -1) for label in labels], dtype=torch.long)
