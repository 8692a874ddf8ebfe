"""Augmented contrast (ACL) as a helper task: two views of the same sentence are drawn together, other sentences pushed apart.

    z  -- MLP --> h                     standard: one projection, cosines, both directions
    z' -- MLP --> h'                    paper_code: h and h' from projections of their own, inner products, h to h' alone

MMER (Ghosh et al. 2023, arXiv 2203.16794) translates the text and speaks it anew in another voice. Frozen features of such
views do not exist here; a view is another utterance of the same sentence and emotion, found in the batch and in the memory,
so batches without one cost nothing. In paper_code, as there, an anchor's other views count as negatives; standard spares them.
"""

import dataclasses
from typing import ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.texts import normalised
from ser_core.errors import SettingError
from ser_core.losses import pairwise_contrast, symmetric_contrast
from ser_core.noise import Noise
from ser_core.options import at_least, one_of
from ser_core.tasks.pairs import grouped, paired
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views


@dataclasses.dataclass(frozen=True)
class AugmentedContrast(TaskOption):
    """Knobs of augmented contrast."""

    key: ClassVar[str] = "tasks.augmented_contrast"
    hidden: int = 128
    """Width of the hidden layer of each projection, at least 0; 0 makes the projection linear."""
    variant: str = "standard"
    """standard (InfoNCE on cosines, both directions) or paper_code (MMER's code: inner products, one direction)."""
    views: str = "utterance"
    """Where the second view comes from: utterance (another one of the same sentence and emotion) is all there is so far."""
    projection: int = 64
    """Width of what is compared, at least 1."""
    temperature: float = 0.07
    """What scores are divided by, above 0; small looks at the nearest others alone."""
    memory: int = 256
    """Latest utterances of the batches before that a batch is compared with too, at least 0; 0 is the batch alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "variant", ("standard", "paper_code"))
        if self.views in ("waveform", "text", "column"):
            raise SettingError(
                f"tasks.augmented_contrast.views={self.views} changes what the encoders are given, and their features are "
                f"extracted once and frozen; use views=utterance"
            )
        one_of(self, "views", ("utterance",))
        for field, low in (("projection", 1), ("temperature", 1e-3), ("memory", 0)):
            at_least(self, field, low)

    def available(self, corpus: Corpus) -> bool:
        said = [sentence for sentence in sentences(corpus) if sentence]
        return len(set(said)) < len(said)

    def targets(self, corpus: Corpus) -> Tensor:
        """[utterances 2]: number of sentence and emotion, -1 where one of them is not known, and of the utterance."""
        return grouped(sentences(corpus))

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        head = CodedAugmentedHead if self.variant == "paper_code" else AugmentedHead
        return head(width, self.projection, self.hidden, dropout, self.memory, self.temperature)

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        return pd.DataFrame(index=range(len(output)))


class AugmentedHead(Head):
    """A projection of the fused vector and its symmetric InfoNCE loss."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers)
        self.temperature = temperature

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = normalize(output, dim=-1) @ normalize(pairs.projections, dim=-1).T / self.temperature
        return symmetric_contrast(scores, pairs.same, pairs.other & ~pairs.same)


class CodedAugmentedHead(AugmentedHead):
    """Two projections side by side, of anchors and of views, with the loss of MMER's code."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers, temperature)
        self.outputs = 2 * projection
        self.view = Head(width, projection, hidden, dropout)

    def forward(self, views: Views, noise: Noise) -> Float[Tensor, "batch both"]:
        return torch.cat([super().forward(views, noise), self.view(views, noise)], dim=-1)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = output.chunk(2, -1)[0] @ pairs.projections.chunk(2, -1)[1].T / self.temperature
        return pairwise_contrast(scores, pairs.same, pairs.other)


def sentences(corpus: Corpus) -> list[str]:
    """What names sentence and emotion of each utterance: `script` and text, as far as known; "" where nothing is.

    Both, because `script` is a sentence in acted corpora and a whole scene in IEMOCAP, which needs its text for this task.
    """
    columns = (corpus.column(name).tolist() for name in ("script", "text", "emotion"))
    said = [(script, normalised(text), emotion) for script, text, emotion in zip(*columns, strict=True)]
    return [repr(each) if each[2] and (each[0] or each[1]) else "" for each in said]
