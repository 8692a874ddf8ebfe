"""Co-attention by re-weighting: a reconstruction of Wan et al. 2024 (arXiv 2412.20707) after Zou et al. 2022 (CA-MSER).

    q = W [mean F_1 ; ... ; mean F_K]      a = softmax_t(q . F_e[t] / sqrt(width))      x = sum_t a_t F_e[t]
    z = [x ; mean F_1 ; ... ; mean F_K]                  F_e: feature for emotion, F_k: of each helper task or other channel
Zou et al. (arXiv 2203.15326) map the other features to weights of a fixed number of frames. Here the dot product replaces that
map, so that an utterance may have any length. It is not known which of the two forms Wan et al. use, if either.
Every head reads z; no helper head reads its own F_k.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched
from ser_core.fusion.task_features import TaskFeatures
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class CoattnWeight(FusionOption):
    """Settings of co-attention by re-weighting, a reconstruction."""

    joins: ClassVar[str] = "Pairwise: features of the first channel relate to its own helpers and to each other channel."
    searched: ClassVar[Searched] = {"helpers": (1, 2, 3, 4)}
    name: str = "coattn_weight"
    """This option's name."""
    helpers: int = 3
    """Features adapted from the first channel besides emotion's, at least 1 (the paper's tasks: transcript, gender, style)."""
    adapter: int = 32
    """Inner width of the adapters that compute the features, at least 1."""

    def __post_init__(self) -> None:
        at_least(self, "helpers", 1)
        at_least(self, "adapter", 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return CoattnWeightFusion(channels=channels, width=width, helpers=self.helpers, adapter=self.adapter)


class CoattnWeightFusion(Fusion):
    """Uses the other features to weight the steps of emotion's. Each part of z has zero mean and unit variance."""

    def __init__(self, channels: Sequence[str], width: int, helpers: int, adapter: int) -> None:
        super().__init__()
        self.features = TaskFeatures(channels, width, helpers, adapter)
        self.out_width = (1 + self.features.count) * width
        self.query = nn.Linear(self.features.count * width, width)

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        emotion, helpers = self.features(streams)
        vectors = [each.mean() for each in helpers]
        query = self.query(torch.cat([_standard(vector) for vector in vectors], -1))
        scores = (emotion.steps @ query.unsqueeze(-1)).squeeze(-1) * query.shape[-1] ** -0.5
        weights = scores.masked_fill(~emotion.mask, -torch.inf).softmax(-1)
        weighted = (weights.unsqueeze(1).to(emotion.steps.dtype) @ emotion.steps).squeeze(1)
        return torch.cat([_standard(vector) for vector in (weighted, *vectors)], -1)


def _standard(vector: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
    return layer_norm(vector, vector.shape[-1:])
