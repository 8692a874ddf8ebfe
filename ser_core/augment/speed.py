"""Speed: plays the waveform faster or slower, pitch and tempo together (Ko et al. 2015, Interspeech, "Audio augmentation").

[samples] --resampled--> [samples / factor]        factor in hundredths, which keeps the resampling filter short
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import resample

from ser_core.augment.augmentation import Augmentation


class Speed(Augmentation):
    """Plays faster (above 1) or slower."""

    unit: ClassVar[str] = "a factor on the tempo"
    bounds: ClassVar[tuple[float, float]] = (0.5, 2.0)
    usual: ClassVar[tuple[float, float]] = (0.9, 1.1)

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "changed"]:
        return resample(wave, round(100 * self.strength(generator)), 100)
