"""Log-mel energies: a speech encoder without weights.

waveform -> level -> 25 ms windows every 10 ms -> power -> mel bands -> (log10 + 4) / 2 -> mean of `stride` frames

Frames lie entirely inside the waveform, so nothing is padded. Values range from -2 (the floor) to about 3, where float16
resolves a thousandth.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torchaudio.functional
from jaxtyping import Float
from torch import Tensor

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.encoders.encoder import EncoderOption, Extractor, average_frames, half
from ser_core.options import at_least, one_of, within

WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
FLOOR = 1e-8
"""Minimum power of a band; without it, digital silence would have a logarithm of minus infinity."""
RMS_LEVEL = 0.1


@dataclasses.dataclass(frozen=True)
class LogMel(EncoderOption):
    """Log energies of mel bands in 25 ms windows every 10 ms, without a checkpoint."""

    key: ClassVar[str] = "model.speech"
    reads: ClassVar[str] = "audio"

    name: str = "logmel"
    """The name of this option."""
    mels: int = 80
    """Mel bands between 0 and 8 kHz, 8 to 80."""
    level: str = "rms"
    """How each utterance is made equally loud: by rms, by peak, or none, which keeps the recording's own level."""
    stride: int = 8
    """Consecutive frames (10 ms each) averaged into one step, at least 1."""

    def __post_init__(self) -> None:
        within(self, "mels", 8, 80)
        one_of(self, "level", ("rms", "peak", "none"))
        at_least(self, "stride", 1)

    def extractor(self, device: torch.device) -> Extractor:
        return LogMelExtractor(self.mels, self.level, self.stride, device)


class LogMelExtractor:
    """Computes log-mel steps [time 1 mels]."""

    minimum_samples = WINDOW_SAMPLES

    def __init__(self, mels: int, level: str, stride: int, device: torch.device) -> None:
        self.shape = (1, mels)
        self.level = level
        self.stride = stride
        self.device = device
        self.side_by_side = device.type == "cpu"

    def identity(self) -> dict[str, Any]:
        frames = {"window": WINDOW_SAMPLES, "hop": HOP_SAMPLES, "fft": FFT_SAMPLES, "floor": FLOOR, "scale": "slaney"}
        return {"kind": "logmel", "mels": self.shape[1], "level": self.level, "stride": self.stride, **frames}

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        return [self._steps(torch.as_tensor(item, device=self.device)) for item in items]

    def _steps(self, wave: Float[Tensor, "samples"]) -> Float[Tensor, "time 1 mels"]:
        frames = levelled(wave, self.level).unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)
        window = torch.hann_window(WINDOW_SAMPLES, device=self.device)
        power = torch.fft.rfft(frames * window, FFT_SAMPLES).abs().square() / window.square().sum()
        energies = (power @ mel_filters(self.shape[1]).to(self.device)).clamp(min=FLOOR)
        return half(average_frames((energies.log10()[:, None] + 4) / 2, self.stride), "logmel")


def levelled(wave: Float[Tensor, "samples"], level: str) -> Float[Tensor, "samples"]:
    """Scales the waveform to an RMS of 0.1 or a peak of 1, or returns it unchanged."""
    # Neither divisor is 0: silent audio is refused when it is loaded (ser_core/audio/load.py).
    if level == "rms":
        return wave * (RMS_LEVEL / wave.square().mean().sqrt())
    return wave / wave.abs().max() if level == "peak" else wave


@functools.cache
def mel_filters(mels: int) -> Float[Tensor, "bins mels"]:
    """Returns triangles of equal height, linear in frequency below 1 kHz and logarithmic above (Slaney 1998)."""
    return torchaudio.functional.melscale_fbanks(
        FFT_SAMPLES // 2 + 1, 0.0, SAMPLE_RATE_HZ / 2, mels, SAMPLE_RATE_HZ, norm=None, mel_scale="slaney"
    )
