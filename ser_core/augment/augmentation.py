"""What every augmentation provides: a changed waveform of the same words, with a given or drawn strength.

wave [samples] -- changed(wave, generator) --> wave [samples; more or fewer if time is stretched]
"""

import dataclasses
import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Base of the augmentations; `value` is the text after the colon, "" if the strength is drawn."""

    value: str = ""
    unit: ClassVar[str] = ""
    """Description of the value."""
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Smallest and largest value that you may give."""
    usual: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Range of the uniform draw if no value is given."""

    def check(self, entry: str) -> None:
        """Raises SettingError for a value out of bounds; `entry` is the entry as you wrote it."""
        low, high = self.bounds
        if self.value and not low <= _number(self.value) <= high:
            raise SettingError(f"{entry}: the value is {self.unit}, from {low:g} to {high:g}; got {self.value!r}")

    def strength(self, generator: torch.Generator) -> float:
        """Returns the given value, or draws one."""
        low, high = self.usual
        return float(self.value) if self.value else low + (high - low) * float(torch.rand((), generator=generator))

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "changed"]:
        """Returns the changed waveform; 16 kHz before and after."""
        raise NotImplementedError


def as_loud(changed: Float[Tensor, "samples"], wave: Float[Tensor, "samples"]) -> Float[Tensor, "samples"]:
    """Scales a changed waveform to the power (mean square) of the original.

    >>> as_loud(torch.tensor([2.0, -2.0]), torch.tensor([1.0, 1.0])).tolist()
    [1.0, -1.0]
    """
    return changed * (wave.double().square().mean() / changed.double().square().mean()).sqrt().to(changed.dtype)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
