"""Random modality masking (Wang et al. 2023; Ispas et al. 2023, arXiv 2401.00536): some epochs train without one channel.

    p(e) = probability * (1 + cos(pi e / (epochs - 1))) / 2 for epoch e = 0, 1, ...; below `least` it is 0
    with probability p an epoch hides a channel: the text with probability `text`, otherwise one of the others, all equally likely
The layers that read only the hidden channel are frozen for that epoch; layers that read across channels keep training. Zero
vectors for a hidden channel's steps, and a cosine that ends with the last epoch, are reconstructions.
"""

import dataclasses
import math
from collections.abc import Sequence

import torch

from ser_core.fusion import Fusion
from ser_core.masking.masking import MaskedFusion, MaskingOption, Silence, spans
from ser_core.options import within


@dataclasses.dataclass(frozen=True)
class EpochMasking(MaskingOption):
    """Settings of masking by epoch."""

    name: str = "epoch"
    """This option's name."""
    probability: float = 0.8
    """Probability that the first epoch hides a channel, from 0 (never) to 1; it falls to 0 along a cosine."""
    least: float = 0.1
    """Probabilities below this become 0, from 0 (keep all) to 1."""
    text: float = 0.6
    """Probability that the hidden channel is the text rather than another, from 0 to 1; without a text, all are alike."""

    def __post_init__(self) -> None:
        for field in ("probability", "least", "text"):
            within(self, field, 0, 1)

    def around(self, fusion: Fusion, channels: Sequence[str]) -> Fusion:
        return MaskedFusion(Silence(channels), fusion) if len(channels) > 1 else fusion

    def plan(self, channels: Sequence[str], epochs: int, generator: torch.Generator) -> tuple[str, ...]:
        if len(channels) < 2:
            return ("",) * epochs
        drawn = torch.rand(epochs, 2, generator=generator).tolist()
        parts = spans(channels, self.text)
        hidden = [next(name for name, (low, high) in parts.items() if low <= which < high) for _, which in drawn]
        return tuple(
            name if whether < self.chance(epoch, epochs) else ""
            for epoch, (name, (whether, _)) in enumerate(zip(hidden, drawn, strict=True))
        )

    def chance(self, epoch: int, epochs: int) -> float:
        """Returns the probability that epoch `epoch` (from 0) out of `epochs` hides a channel.

        >>> [round(EpochMasking().chance(epoch, 5), 3) for epoch in range(5)]
        [0.8, 0.683, 0.4, 0.117, 0.0]
        """
        chance = self.probability * (1 + math.cos(math.pi * epoch / max(1, epochs - 1))) / 2
        return chance if chance >= self.least else 0.0
