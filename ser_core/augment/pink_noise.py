"""Pink noise at a signal-to-noise ratio: power falls as 1/f, as in rooms and streets, so that it covers what speech has.

white noise --FFT--> divided by sqrt(f), nothing at 0 Hz --inverse FFT--> pink --> added as white noise is
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
        heard = spectrum / frequencies.sqrt() * (torch.arange(len(spectrum)) > 0)
        return torch.fft.irfft(heard, samples)
