"""What every augmentation offers: another waveform of the same words, its strength given or drawn.

wave [samples] -- changed(wave, generator) --> wave [samples, as many or, where time is stretched, more or fewer]
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
    """Base of the augmentations; `value` is what stands behind the colon, "" where the strength is drawn."""

    value: str = ""
    unit: ClassVar[str] = ""
    """What the value is, in words."""
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Least and greatest value that may be given."""
    usual: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Ends of what is drawn from, evenly, where none is given."""

    def check(self, entry: str) -> None:
        """Raises SettingError for a value out of bounds; `entry` is how it was written."""
        low, high = self.bounds
        if self.value and not low <= _number(self.value) <= high:
            raise SettingError(f"{entry}: the value is {self.unit}, from {low:g} to {high:g}; got {self.value!r}")

    def strength(self, generator: torch.Generator) -> float:
        """The value given, or one drawn."""
        low, high = self.usual
        return float(self.value) if self.value else low + (high - low) * float(torch.rand((), generator=generator))

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "changed"]:
        """The waveform, changed; it is at 16 kHz before and after."""
        raise NotImplementedError


def as_loud(changed: Float[Tensor, "samples"], wave: Float[Tensor, "samples"]) -> Float[Tensor, "samples"]:
    """A changed waveform at the power (mean square) of the original.

    >>> as_loud(torch.tensor([2.0, -2.0]), torch.tensor([1.0, 1.0])).tolist()
    [1.0, -1.0]
    """
    return changed * (wave.double().square().mean() / changed.double().square().mean()).sqrt().to(changed.dtype)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
