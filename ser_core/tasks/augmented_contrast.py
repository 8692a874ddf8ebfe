"""Augmented contrast (ACL) as a helper task: pulls two views of the same sentence together and pushes others apart.

    z  -- MLP --> h                     standard: one shared projection, cosines, both directions
    z' -- MLP --> h'                    paper_code: separate projections for h and h', inner products, only h to h'
                                        anchors=contrast: h is the projection of supervised contrast, as in MMER's code

MMER (Ghosh et al. 2023, arXiv 2203.16794) translates the text and synthesises it in another voice. views=column reads such
versions from your own files and texts; views=waveform makes them from the waveform. The frozen encoder extracts both once and
they are stored. Each step draws one version per utterance; the versions of all other utterances are negatives. Only training
uses them. Without versions (views=utterance), a view is another utterance of the same sentence and emotion, from the batch or
the memory. In paper_code, an anchor's other views then count as negatives, as in the original code; standard leaves them out.
"""

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from ser_core.augment import augmentation
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.further import SEPARATORS, split_cell
from ser_core.corpus.texts import normalise
from ser_core.errors import SettingError
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.losses import pairwise_contrast, symmetric_contrast
from ser_core.options import Situation, at_least, one_of
from ser_core.tasks.pairs import Pairs, grouped, paired
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views


@dataclasses.dataclass(frozen=True)
class AugmentedContrast(TaskOption):
    """Settings of augmented contrast."""

    key: ClassVar[str] = "tasks.augmented_contrast"
    needs: ClassVar[str] = "two utterances of one sentence and emotion (views=utterance), or augmented versions (views=column)"
    reads_stored_views: ClassVar[bool] = True
    hidden: int = 128
    """Width of the hidden layer of each projection, at least 0; 0 makes the projection linear."""
    variant: str = "standard"
    """standard (InfoNCE on cosines, both directions) or paper_code (MMER's code: inner products, one direction)."""
    anchors: str = "own"
    """Projection h of the utterances in paper_code: own, or contrast (that of tasks.contrast if trained, as in MMER's code)."""
    views: str = "utterance"
    """Second view: utterance (same sentence and emotion), waveform (an augmentation) or column (a version in the corpus)."""
    augmentations: list[str] = dataclasses.field(default_factory=lambda: ["speed", "pitch", "noise", "reverberation", "codec"])
    """Augmentations for views=waveform, one version of each utterance per entry: NAME or NAME:VALUE, at least one."""
    projection: int = 64
    """Width of the compared projections, at least 1."""
    temperature: float = 0.07
    """Divisor of the scores, above 0; a small value weights the nearest others most."""
    memory: int = 256
    """Number of recent utterances that a batch is also compared with, at least 0; 0 means only the batch."""

    @property
    def over_batch(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "variant", ("standard", "paper_code"))
        one_of(self, "anchors", ("own", "contrast"))
        one_of(self, "views", ("utterance", "waveform", "column"))
        if not self.augmentations or len(set(self.augmentations)) < len(self.augmentations):
            raise SettingError(f"{self.key}.augmentations must be at least one, each only once; got {self.augmentations}")
        for entry in self.augmentations:
            augmentation(entry, f"{self.key}.augmentations")
        for field, low in (("projection", 1), ("temperature", 1e-3), ("memory", 0)):
            at_least(self, field, low)

    def without_effect(self, situation: Situation) -> dict[str, str]:
        found = {} if self.views == "waveform" else {"augmentations": f"tasks.augmented_contrast.views={self.views} makes none"}
        if self.anchors == "contrast" and self.variant != "paper_code":
            found["anchors"] = f"tasks.augmented_contrast.variant={self.variant} has one projection for utterances and views"
        elif self.anchors == "contrast" and situation.config.tasks.contrast.weight == 0:
            found["anchors"] = "tasks.contrast.weight=0 leaves out the projection, so augmented contrast has its own"
        return found

    @property
    def stored(self) -> list[str]:
        if self.weight == 0 or self.views == "utterance":
            return []
        return [self.views, *(self.augmentations if self.views == "waveform" else [])]

    def check(self, config: Any) -> None:
        if self.views == "waveform" and "audio" not in config.model.reads.values():
            raise SettingError(
                "tasks.augmented_contrast.views=waveform changes the speech, but model.speech=none; use views=utterance or column"
            )
        lender = config.tasks.contrast
        if self.borrows and lender.weight > 0 and lender.projection != self.projection:
            raise SettingError(
                f"{self.key}.anchors=contrast compares projections of width {lender.projection} (tasks.contrast.projection) with "
                f"views of width {self.projection}; set {self.key}.projection={lender.projection}"
            )

    def restricted_to(self, active: Collection[str]) -> "AugmentedContrast":
        alone = "augmented_contrast" in active and "contrast" not in active
        return dataclasses.replace(self, anchors="own") if alone else self

    @property
    def borrows(self) -> bool:
        """Whether the utterances are compared through the projection of supervised contrast."""
        return self.anchors == "contrast" and self.variant == "paper_code"

    def available(self, corpus: Corpus) -> bool:
        if self.views == "waveform":
            return True
        if self.views == "column":
            return any(versioned(corpus))
        said = [sentence for sentence in sentences(corpus) if sentence]
        return len(set(said)) < len(said)

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns [utterances 2]: the number of sentence and emotion (-1 if either is unknown), and of the utterance.

        With stored versions, the group is the utterance itself (-1 if it has no version).
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
        built = head(width, self.projection, self.hidden, dropout, self.memory, self.temperature)
        return borrowing(built, "contrast") if self.borrows else built


def borrowing(head: Head, task: str) -> Head:
    """Returns the head without its own projection of the utterances; it reads the output of the `task` head instead."""
    head.borrows, head.dropout, head.hidden, head.out = task, Dropout(0.0), nn.Identity(), nn.Identity()
    return head


class AugmentedHead(Head):
    """Projects the fused vector and computes a symmetric InfoNCE loss."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers)
        self.temperature = temperature

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = normalize(output, dim=-1) @ normalize(pairs.projections, dim=-1).T / self.temperature
        return symmetric_contrast(scores, pairs.same, pairs.other & ~pairs.same)


class CodedAugmentedHead(AugmentedHead):
    """Separate projections of anchors and views, side by side, with the loss of MMER's code."""

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
    """Projections of an utterance and its version, side by side; 0 if the batch has no version of it."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers, temperature)
        self.outputs = 2 * projection

    def forward(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch both"]:
        anchors = super().forward(views, noise)
        seen = torch.zeros_like(anchors) if views.other is None else self.version(views.other, noise.other())
        return torch.cat([anchors, seen], dim=-1)

    def version(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        """Projects a version."""
        return super().forward(views, noise)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        anchors, seen, pairs = versions_paired(output, targets, past)
        scores = normalize(anchors, dim=-1) @ normalize(seen, dim=-1).T / self.temperature
        return symmetric_contrast(scores, pairs.own, pairs.other)


class CodedVersionHead(VersionHead):
    """Like VersionHead, with a separate projection of versions and MMER's loss: cross-entropy of h h' / temperature, h to h'."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers, temperature)
        self.view = Head(width, projection, hidden, dropout)

    def version(self, views: Views, noise: DropoutKey) -> Float[Tensor, "batch dims"]:
        return self.view(views, noise)

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        anchors, seen, pairs = versions_paired(output, targets, past)
        return pairwise_contrast(anchors @ seen.T / self.temperature, pairs.own, pairs.own | pairs.other)


def versions_paired(output: Tensor, targets: Tensor, past: Memory | None) -> tuple[Tensor, Tensor, Pairs]:
    """Returns anchors of the batch, versions of batch and memory, and the pairs of both. A version of all zeros is missing."""
    anchors, seen = output.chunk(2, -1)
    there = (seen.detach() != 0).any(-1)
    known = torch.where(there[:, None], targets, torch.stack([torch.full_like(targets[:, 0], -1), targets[:, 1]], dim=1))
    pairs = paired(output, known, past)
    return anchors, pairs.projections.chunk(2, -1)[1], pairs


def versioned(corpus: Corpus) -> list[bool]:
    """Returns which utterances have a version in one of the columns that were read."""
    if corpus.further is None:
        return [False] * len(corpus)
    names = [name for name in SEPARATORS if name in corpus.further]
    rows = zip(*(corpus.further[name].tolist() for name in names), strict=True)
    return [any(split_cell(cell, name) for name, cell in zip(names, cells, strict=True)) for cells in rows]


def sentences(corpus: Corpus) -> list[str]:
    """Returns a name for sentence and emotion of each utterance, from `script` and text as far as known; "" if neither is.

    It uses both, because `script` is a sentence in acted corpora but a whole scene in IEMOCAP, where this task needs the text.
    """
    columns = (corpus.column(name).tolist() for name in ("script", "text", "emotion"))
    said = [(script, normalise(text), emotion) for script, text, emotion in zip(*columns, strict=True)]
    return [repr(each) if each[2] and (each[0] or each[1]) else "" for each in said]
