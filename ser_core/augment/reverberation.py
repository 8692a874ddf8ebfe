"""Reverberation: the sound of a room, whose impulse response is noise that decays by 60 dB in T60 seconds.

    wave * (direct sound, then exp(-6.9 t / T60) noise, 6 dB below it)      cut to the wave's length, at the wave's power
A statistical room (Polack 1988; Moorer 1979): only late reflections, not a measured room.
"""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import fftconvolve

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.augment.augmentation import Augmentation, as_loud

DIRECT_TO_REVERBERANT_DB = 6.0


class Reverberation(Augmentation):
    """Adds the reverberation of a room."""

    unit: ClassVar[str] = "the reverberation time T60 in seconds"
    bounds: ClassVar[tuple[float, float]] = (0.05, 3.0)
    usual: ClassVar[tuple[float, float]] = (0.2, 0.8)

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "samples"]:
        seconds = self.strength(generator)
        times = torch.arange(1, round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        tail = torch.randn(len(times), generator=generator) * torch.exp(-3 * math.log(10) * times / seconds)
        tail = tail * (10 ** (-DIRECT_TO_REVERBERANT_DB / 20) / tail.square().sum().sqrt())
        changed = fftconvolve(wave, torch.cat([torch.ones(1), tail]))[: len(wave)]
        return as_loud(changed, wave)
