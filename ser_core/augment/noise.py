"""White noise at a signal-to-noise ratio: equal power at every frequency.

wave + g * noise      with g such that 10 log10(power of wave / power of g * noise) = SNR, both over the whole utterance
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import add_noise

from ser_core.augment.augmentation import Augmentation


class Noise(Augmentation):
    """White noise."""

    unit: ClassVar[str] = "a signal-to-noise ratio in dB"
    bounds: ClassVar[tuple[float, float]] = (-20.0, 60.0)
    usual: ClassVar[tuple[float, float]] = (5.0, 20.0)

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "samples"]:
        ratio = torch.tensor(self.strength(generator))
        return add_noise(wave, self.sound(len(wave), generator), ratio)

    def sound(self, samples: int, generator: torch.Generator) -> Float[Tensor, "samples"]:
        """Returns the noise, at any level."""
        return torch.randn(samples, generator=generator)
