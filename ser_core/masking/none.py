"""No masking: every channel is visible in every step."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch

from ser_core.fusion import Fusion
from ser_core.masking.masking import MaskingOption
from ser_core.options import Situation


@dataclasses.dataclass(frozen=True)
class NoMasking(MaskingOption):
    """No masking; it has no settings."""

    neutral: ClassVar[bool] = True
    name: str = "none"
    """This option's name."""

    def without_effect(self, situation: Situation) -> dict[str, str]:
        return {}

    def around(self, fusion: Fusion, channels: Sequence[str]) -> Fusion:
        return fusion

    def plan(self, channels: Sequence[str], epochs: int, generator: torch.Generator) -> tuple[str, ...]:
        return ("",) * epochs
