"""Manifold mixup (Verma et al. 2019, arXiv 1806.05236): the heads learn from mixtures of two utterances of a batch.

    z_i <- l_i z_i + (1 - l_i) z_p(i)        y_i <- l_i y_i + (1 - l_i) y_p(i)        p a permutation, l_i from Beta(alpha, alpha)
Mixed are the fused vector and the targets of the heads that predict classes or ratings from it, in a share of the training steps.
This is the place and the form of MEDUSA's code (Chatzichristodoulou et al. 2025, arXiv 2506.09556). Heads that compare utterances
read them unmixed. An utterance whose target is unknown, or is mixed with an unknown one, adds nothing to the loss of that step.
"""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ser_core.keyed_dropout import DropoutKey, Site, uniform

QUANTILES = 4096
"""Number of equally likely values of l. A quantile is a look-up, so l is a pure function of the step's key, as dropout is."""


@dataclasses.dataclass(frozen=True)
class Partners:
    """With whom each utterance of a batch is mixed, and how much of itself it keeps."""

    rows: Int[Tensor, "batch"]
    own: Float[Tensor, "batch"]
    """Share of the utterance itself, from 0 to 1; 1 leaves it as it is."""

    def mix(self, values: Tensor) -> Tensor:
        """Returns the mixtures of values [batch ...], unchanged where the own share is 1. NaN stays NaN."""
        own = self.own.to(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
        return torch.where(own < 1, own * values + (1 - own) * values[self.rows], values)


class Mixup(Site):
    """Draws the partners of a batch from the key of the step."""

    quantiles: Float[Tensor, "quantiles"]

    def __init__(self, probability: float, alpha: float) -> None:
        from scipy.stats import beta

        super().__init__()
        self.probability = probability
        middles = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
        self.register_buffer("quantiles", torch.tensor(beta.ppf(middles, alpha, alpha), dtype=torch.float32), persistent=False)

    def forward(self, size: int, noise: DropoutKey) -> Partners | None:
        """Returns the partners of `size` utterances; None in evaluation."""
        if noise.key is None:
            return None
        drawn = uniform(noise.key, self.site, (1 + 2 * size,))
        order, places = drawn[1 : 1 + size], drawn[1 + size :]
        own = self.quantiles[(places * QUANTILES).long()]
        return Partners(order.argsort(), torch.where(drawn[0] < self.probability, own, torch.ones_like(own)))
