"""What a model learns directly on top of raw features: standardise, project each layer to the common width, mix the layers.

raw [batch time layers dim] -- minus mean, over sd (training part) -- Linear of each layer -- weighted sum --> [batch time width]
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.keyed_dropout import Dropout, DropoutKey


class FeatureStem(nn.Module):
    """Reads frozen-encoder features: sum over layers of w_l * (A_l x_l) + b, w a softmax, equal at the start.

    The layer weights are those of SUPERB (Yang et al. 2021, arXiv 2105.01051), which has one projection for all layers. A
    projection per layer lets layers contribute different things, like the linear baseline on all layers side by side.
    The training part's statistics standardise each layer first, because the last layers of an encoder are tens of times
    larger than the first and would otherwise dominate the mixture.
    """

    mean: Float[Tensor, "layers dim"]
    scale: Float[Tensor, "layers dim"]

    def __init__(self, layers: int, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(layers, dim))
        self.register_buffer("scale", torch.ones(layers, dim))
        self.layer_scores = nn.Parameter(torch.zeros(layers))
        self.dropout = Dropout(dropout)
        # The bound of nn.Linear for `dim` inputs, here for each layer by itself.
        bound = dim**-0.5
        self.project = nn.Parameter(torch.empty(layers, dim, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(width))

    def standardise_by(self, mean: Float[Tensor, "layers dim"], deviation: Float[Tensor, "layers dim"]) -> None:
        """Sets the statistics. A dimension that never varies keeps scale 1."""
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(deviation > 1e-5, deviation, torch.ones_like(deviation)))

    def mixed(self, steps: Float[Tensor, "batch time layers dim"]) -> Float[Tensor, "batch time width"]:
        """Projects each layer and returns the weighted sum.

        With many steps, it weights the projections first, because they hold fewer numbers than their outputs. With one step,
        it weights the outputs, which then hold fewer.
        """
        weights = self.layer_scores.softmax(0)
        if steps.shape[1] > 1:
            return steps.flatten(-2) @ (self.project * weights[:, None, None]).flatten(0, 1)
        each = torch.bmm(steps[:, 0].transpose(0, 1), self.project)
        return torch.einsum("lbw,l->bw", each, weights).unsqueeze(1)

    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        standard = (raw.steps.to(self.mean.dtype) - self.mean) / self.scale
        dropped = self.dropout(standard.flatten(-2), noise).unflatten(-1, standard.shape[-2:])
        steps = self.mixed(dropped) + self.bias
        return Stream(steps * raw.mask.unsqueeze(-1).to(steps.dtype), raw.mask)


class ConcatenatedStem(FeatureStem):
    """All layers side by side through one Linear: sum over layers of A_l x_l + b, A initialised for that many inputs.

    It can represent everything that a FeatureStem can, because layer weights only scale the projections. Learning differs: it
    has no layer weights with their own rate, and no layer is turned down because another is turned up.
    """

    def __init__(self, layers: int, dim: int, width: int, dropout: float) -> None:
        super().__init__(layers, dim, width, dropout)
        del self.layer_scores
        with torch.no_grad():
            # The bound for all layers together, which are inputs of one Linear.
            self.project.mul_(layers**-0.5)

    def mixed(self, steps: Float[Tensor, "batch time layers dim"]) -> Float[Tensor, "batch time width"]:
        return steps.flatten(-2) @ self.project.flatten(0, 1)


class WordStem(nn.Module):
    """Looks up learned embeddings of word numbers. Number 0 (no text) is the zero vector."""

    def __init__(self, buckets: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(buckets, width, padding_idx=0)
        with torch.no_grad():
            self.embed.weight *= 0.3
        self.dropout = Dropout(dropout)

    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        steps = self.dropout(cast(Tensor, self.embed(raw.steps)), noise)
        return Stream(steps * raw.mask.unsqueeze(-1).to(steps.dtype), raw.mask)
