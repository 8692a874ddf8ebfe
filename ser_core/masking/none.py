"""No masking: every channel is heard in every step."""

import dataclasses
from collections.abc import Sequence

import torch

from ser_core.fusion import Fusion
from ser_core.masking.masking import MaskingOption


@dataclasses.dataclass(frozen=True)
class NoMasking(MaskingOption):
    """Knobs of no masking: none."""

    name: str = "none"
    """This option's name."""

    def around(self, fusion: Fusion, channels: Sequence[str]) -> Fusion:
        return fusion

    def plan(self, channels: Sequence[str], epochs: int, generator: torch.Generator) -> tuple[str, ...]:
        return ("",) * epochs
