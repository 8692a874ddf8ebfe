"""Supervised contrast as a helper task: pulls utterances of the same emotion together and pushes others apart.

    z -- MLP --> h     h of the batch against h of the batch and of the `memory` most recent utterances before it

MMER (Ghosh et al. 2023, arXiv 2203.16794) cites SupCon (Khosla et al. 2020, arXiv 2004.11362), but its code computes something
else: the variant paper_code. Neither has the memory, which makes small batches sufficient (as in MoCo, He et al. 2020,
arXiv 1911.05722, but with the model itself in place of a slower copy); memory=0 uses only the batch.
"""

import dataclasses
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ser_core.corpus.corpus import Corpus
from ser_core.losses import pairwise_contrast, supervised_contrast
from ser_core.options import at_least, one_of
from ser_core.tasks.pairs import grouped, paired
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory


@dataclasses.dataclass(frozen=True)
class Contrast(TaskOption):
    """Settings of supervised contrast."""

    key: ClassVar[str] = "tasks.contrast"
    needs: ClassVar[str] = "two emotion classes"
    hidden: int = 128
    """Width of the hidden layer of the projection, at least 0; 0 makes the projection linear."""
    variant: str = "standard"
    """standard (SupCon) or paper_code (MMER's code: not normalised, includes self-pairs, divides by the temperature last)."""
    projection: int = 64
    """Width of the compared projections, at least 1."""
    temperature: float = 0.07
    """Divisor of the cosines, above 0; a small value weights the nearest others most. In paper_code, a factor on the loss."""
    memory: int = 256
    """Number of recent utterances that a batch is also compared with, at least 0; 0 means only the batch."""

    @property
    def over_batch(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "variant", ("standard", "paper_code"))
        for field, low in (("projection", 1), ("temperature", 1e-3), ("memory", 0)):
            at_least(self, field, low)

    def available(self, corpus: Corpus) -> bool:
        return len(corpus.classes) >= 2

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns [utterances 2]: the number of the emotion (-1 if there is none), and of the utterance."""
        return grouped(corpus.column("emotion").tolist())

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        head = CodedContrastHead if self.variant == "paper_code" else ContrastHead
        return head(width, self.projection, self.hidden, dropout, self.memory, self.temperature)


class ContrastHead(Head):
    """Projects the fused vector and computes the SupCon loss."""

    def __init__(self, width: int, projection: int, hidden: int, dropout: float, remembers: int, temperature: float) -> None:
        super().__init__(width, projection, hidden, dropout, remembers)
        self.temperature = temperature

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = normalize(output, dim=-1) @ normalize(pairs.projections, dim=-1).T / self.temperature
        return supervised_contrast(scores, pairs.same, pairs.other)


class CodedContrastHead(ContrastHead):
    """The same projection with MMER's loss: -1/|P| sum over P of log softmax_j(h_i h_j) / temperature, (i, i) in P."""

    def loss(self, output: Tensor, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        pairs = paired(output, targets, past)
        scores = output @ pairs.projections.T
        return pairwise_contrast(scores, pairs.same | pairs.own, pairs.other | pairs.own) / self.temperature
