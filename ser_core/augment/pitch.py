"""Pitch: every frequency is multiplied by 2^(semitones / 12) at the same tempo.

    [samples] --phase vocoder--> longer by the factor --resampled--> same length and power, higher by the factor
The factor is rounded to hundredths (at most 9 cents off), which keeps the resampling filter short. Formants move with the
pitch, as they would with another speaker.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import phase_vocoder, resample

from ser_core.augment.augmentation import Augmentation, as_loud

FFT_SAMPLES = 512
HOP_SAMPLES = 128


class Pitch(Augmentation):
    """Raises (above 0) or lowers the pitch."""

    unit: ClassVar[str] = "a shift in semitones"
    bounds: ClassVar[tuple[float, float]] = (-12.0, 12.0)
    usual: ClassVar[tuple[float, float]] = (-2.0, 2.0)

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "samples"]:
        hundredths = round(100 * 2 ** (self.strength(generator) / 12))
        window = torch.hann_window(FFT_SAMPLES)
        padded = torch.nn.functional.pad(wave, (0, FFT_SAMPLES))
        spectrum = torch.stft(padded, FFT_SAMPLES, HOP_SAMPLES, window=window, return_complex=True)
        advance = torch.linspace(0, torch.pi * HOP_SAMPLES, FFT_SAMPLES // 2 + 1)[:, None]
        stretched = phase_vocoder(spectrum, 100 / hundredths, advance)
        longer = torch.istft(stretched, FFT_SAMPLES, HOP_SAMPLES, window=window)
        higher = resample(longer, hundredths, 100)[: len(wave)]
        return as_loud(torch.nn.functional.pad(higher, (0, len(wave) - len(higher))), wave)
