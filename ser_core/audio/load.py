"""How an utterance becomes one waveform at 16 kHz, and the last reasons to reject it.

file --decode.py--> [frames channels] --mean--> crop --check--> resample to 16 kHz --> float32 [samples]
"""

import dataclasses
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torchaudio.functional

from ser_core.audio.decode import SAMPLE_RATE_HZ, decode
from ser_core.errors import AudioError
from ser_core.options import Option, at_least, one_of

SILENT_PEAK = 1e-4
"""A waveform that never exceeds this (-80 dB of full scale, 3 steps of a 16-bit recorder) is silent."""
LOUDEST_PEAK = 100.0
"""Full scale is 1. Mixing and effects in floating point exceed it by a few dB, but no recording does by 40. Such a file is
damaged, or its samples are integers."""


@dataclasses.dataclass(frozen=True)
class Audio(Option):
    """How much of an utterance is read."""

    key: ClassVar[str] = "audio"

    max_seconds: float = 15.0
    """Maximum length that is read of an utterance, in seconds, at least 0.1."""
    longer: str = "start"
    """What happens to a longer utterance: its start or its centre is kept, or refuse marks it as unusable."""

    def __post_init__(self) -> None:
        at_least(self, "max_seconds", 0.1)
        one_of(self, "longer", ("start", "centre", "refuse"))


def load(file: Path | str, start: float, end: float, audio: Audio, minimum_samples: int = 400) -> np.ndarray:
    """Loads the utterance as float32 [samples], mono, 16 kHz. `start` and `end` are in seconds, NaN for the file's own.

    Raises AudioError, whose message is only the reason: missing, empty, undecodable, truncated, segment outside the file, longer
    than allowed, non-finite, far beyond full scale, silent, or shorter than `minimum_samples` at 16 kHz.
    """
    sound = decode(Path(file), start, end)
    return usable(sound.channels, sound.rate, audio, minimum_samples)


def usable(channels: np.ndarray, rate: int, audio: Audio, minimum_samples: int = 400) -> np.ndarray:
    """Converts decoded frames [frames channels] as `load` does. Raises AudioError, whose message is only the reason."""
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is not finite and is reported below
        wave = _crop(channels.mean(axis=1, dtype=np.float32), rate, audio)
    if not np.isfinite(wave).all():
        raise AudioError("holds values that are not finite")
    low, high = float(wave.min()), float(wave.max())
    peak = max(-low, high)
    if peak > LOUDEST_PEAK:
        raise AudioError(f"beyond full scale: a sample reaches {peak:.3g}, but full scale is 1; scale samples to -1 to 1")
    if peak < SILENT_PEAK:
        raise AudioError(f"silent: never above {SILENT_PEAK:g} of full scale")
    if rate != SAMPLE_RATE_HZ:
        wave = torchaudio.functional.resample(torch.from_numpy(wave), rate, SAMPLE_RATE_HZ).numpy()
    if len(wave) < minimum_samples:
        raise AudioError(
            f"too short: {len(wave) / SAMPLE_RATE_HZ:.3f} s, but the encoder needs {minimum_samples / SAMPLE_RATE_HZ:.3f} s"
        )
    if high - low < SILENT_PEAK:
        raise AudioError(f"silent: constant at {high:.3g}")
    return np.ascontiguousarray(wave)


def _crop(wave: np.ndarray, rate: int, audio: Audio) -> np.ndarray:
    """Crops a waveform [samples] to `max_seconds`. Raises AudioError if longer ones are to be refused."""
    most = round(audio.max_seconds * rate)
    if len(wave) <= most:
        return wave
    if audio.longer == "refuse":
        raise AudioError(f"{len(wave) / rate:.2f} s long, but audio.max_seconds={audio.max_seconds:g}")
    first = (len(wave) - most) // 2 if audio.longer == "centre" else 0
    return wave[first : first + most]
