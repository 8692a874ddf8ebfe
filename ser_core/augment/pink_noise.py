"""Pink noise at a signal-to-noise ratio: power falls as 1/f, as in rooms and streets, so it covers the range of speech.

white noise --FFT--> divided by sqrt(f), 0 at 0 Hz --inverse FFT--> pink --> added like white noise
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.augment.noise import Noise


class PinkNoise(Noise):
    """Pink noise."""

    def sound(self, samples: int, generator: torch.Generator) -> Float[Tensor, "samples"]:
        spectrum = torch.fft.rfft(torch.randn(samples, generator=generator))
        frequencies = torch.arange(len(spectrum)).clamp(min=1)
        changed = spectrum / frequencies.sqrt() * (torch.arange(len(spectrum)) > 0)
        return torch.fft.irfft(changed, samples)
