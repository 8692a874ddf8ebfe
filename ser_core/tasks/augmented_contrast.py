"""Augmented contrast (ACL) as a helper task: two views of the same sentence are drawn together, others pushed apart.

    z  -- MLP --> h                     standard: one projection, cosines, both directions
    z' -- MLP --> h'                    paper_code: h and h' from projections of their own, inner products, h to h' alone

MMER (Ghosh et al. 2023, arXiv 2203.16794) translates the text and speaks it anew in another voice: views=column reads such
versions from files and texts of yours; views=waveform makes some of the waveform. Either is extracted once by the frozen
encoder and stored, one of an utterance's versions is drawn per step, and everybody else's is a negative. Only training sees them.
Without versions (views=utterance) a view is another utterance of the same sentence and emotion, found in the batch and in the
memory; in paper_code an anchor's other views then count as negatives, as they do there, and standard spares them.
"""

import dataclasses
from typing import ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ser_core.augment import augmentation
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.further import SEPARATORS, split_cell
from ser_core.corpus.texts import normalise
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.losses import pairwise_contrast, symmetric_contrast
from ser_core.options import Situation, at_least, one_of
from ser_core.tasks.pairs import Pairs, grouped, paired
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views


@dataclasses.dataclass(frozen=True)
class AugmentedContrast(TaskOption):
    """Knobs of augmented contrast."""

    key: ClassVar[str] = "tasks.augmented_contrast"
    needs: ClassVar[str] = "two utterances of one sentence and emotion (views=utterance), or augmented versions (views=column)"
    hidden: int = 128
    """Width of the hidden layer of each projection, at least 0; 0 makes the projection linear."""
    variant: str = "standard"
    """standard (InfoNCE on cosines, both directions) or paper_code (MMER's code: inner products, one direction)."""
    views: str = "utterance"
    """Second view: utterance (another of the same sentence and emotion), waveform (augmentations) or column (of the corpus)."""
    augmentations: list[str] = dataclasses.field(default_factory=lambda: ["speed", "pitch", "noise", "reverberation", "codec"])
    """What views=waveform does to a waveform, one version of each utterance for each: NAME or NAME:VALUE, at least one."""
    projection: int = 64
    """Width of what is compared, at least 1."""
    temperature: float = 0.07
    """What scores are divided by, above 0; small looks at the nearest others alone."""
    memory: int = 256
    """Latest utterances of the batches before that a batch is compared with too, at least 0; 0 is the batch alone."""

    @property
    def over_batch(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "variant", ("standard", "paper_code"))
        one_of(self, "views", ("utterance", "waveform", "column"))
        if not self.augmentations or len(set(self.augmentations)) < len(self.augmentations):
            raise SettingError(f"{self.key}.augmentations must be at least one, each given once; got {self.augmentations}")
        for entry in self.augmentations:
            augmentation(entry, f"{self.key}.augmentations")
        for field, low in (("projection", 1), ("temperature", 1e-3), ("memory", 0)):
            at_least(self, field, low)

    def without_effect(self, situation: Situation) -> dict[str, str]:
        return {} if self.views == "waveform" else {"augmentations": f"tasks.augmented_contrast.views={self.views} makes none"}

    @property
    def stored(self) -> list[str]:
        """What versions of the utterances have to be stored for this task; [] for none."""
        if self.weight == 0 or self.views == "utterance":
            return []
        return [self.views, *(self.augmentations if self.views == "waveform" else [])]

    def available(self, corpus: Corpus) -> bool:
        if self.views == "waveform":
            return True
        if self.views == "column":
            return any(versioned(corpus))
        said = [sentence for sentence in sentences(corpus) if sentence]
        return len(set(said)) < len(said)

    def targets(self, corpus: Corpus) -> Tensor:
        """[utterances 2]: number of sentence and emotion, -1 where one of them is not known, and of the utterance.

        Where versions are stored the group is the utterance itself, -1 where it has none.
        """
        if self.views == "utterance":
            return grouped(sentences(corpus))
        there = [True] * len(corpus) if self.views == "waveform" else versioned(corpus)
        return torch.tensor([[row if one else -1, row] for row, one in enumerate(there)])

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        stored = self.views != "utterance"
        if self.variant == "paper_code":
            head = CodedVersionHead if stored else CodedAugmentedHead
        else:
            head = VersionHead if stored else AugmentedHead
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

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch both"]:
        return torch.cat([super().forward(views, noise), self.view(views, noise)], dim=-1)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = output.chunk(2, -1)[0] @ pairs.projections.chunk(2, -1)[1].T / self.temperature
        return pairwise_contrast(scores, pairs.same, pairs.other)


class VersionHead(AugmentedHead):
    """Projections of an utterance and of its version side by side; 0 for the version where the batch brings none."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers, temperature)
        self.outputs = 2 * projection

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch both"]:
        anchors = super().forward(views, noise)
        seen = torch.zeros_like(anchors) if views.other is None else self.version(views.other, noise.other())
        return torch.cat([anchors, seen], dim=-1)

    def version(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        """The projection of a version."""
        return super().forward(views, noise)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        anchors, seen, pairs = versions_paired(output, targets, past)
        scores = normalize(anchors, dim=-1) @ normalize(seen, dim=-1).T / self.temperature
        return symmetric_contrast(scores, pairs.own, pairs.other)


class CodedVersionHead(VersionHead):
    """The same with the version's own projection and the loss of MMER's code: cross-entropy of h h' / temperature, h to h'."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers, temperature)
        self.view = Head(width, projection, hidden, dropout)

    def version(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        return self.view(views, noise)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        anchors, seen, pairs = versions_paired(output, targets, past)
        return pairwise_contrast(anchors @ seen.T / self.temperature, pairs.own, pairs.own | pairs.other)


def versions_paired(output: Tensor, targets: Tensor, past: Memory | None) -> tuple[Tensor, Tensor, Pairs]:
    """Anchors of the batch, versions of batch and memory, and how they stand to each other; a version of 0 is none."""
    anchors, seen = output.chunk(2, -1)
    there = (seen.detach() != 0).any(-1)
    known = torch.where(there[:, None], targets, torch.stack([torch.full_like(targets[:, 0], -1), targets[:, 1]], dim=1))
    pairs = paired(output, known, past)
    return anchors, pairs.projections.chunk(2, -1)[1], pairs


def versioned(corpus: Corpus) -> list[bool]:
    """Which utterances have a version in one of the columns that were read."""
    if corpus.further is None:
        return [False] * len(corpus)
    names = [name for name in SEPARATORS if name in corpus.further]
    rows = zip(*(corpus.further[name].tolist() for name in names), strict=True)
    return [any(split_cell(cell, name) for name, cell in zip(names, cells, strict=True)) for cells in rows]


def sentences(corpus: Corpus) -> list[str]:
    """What names sentence and emotion of each utterance: `script` and text, as far as known; "" where nothing is.

    Both, because `script` is a sentence in acted corpora and a whole scene in IEMOCAP, which needs its text for this task.
    """
    columns = (corpus.column(name).tolist() for name in ("script", "text", "emotion"))
    said = [(script, normalise(text), emotion) for script, text, emotion in zip(*columns, strict=True)]
    return [repr(each) if each[2] and (each[0] or each[1]) else "" for each in said]
