"""How an audit reads audio: every utterance is decoded once, completely, and everything that any check needs is measured."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import torch
import torchaudio.functional

from ser_core.audio import SAMPLE_RATE_HZ, Audio, decode, usable
from ser_core.audit.fingerprint import SILENCE, Words, fingerprint
from ser_core.corpus.check import of_each
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError

FULL_SCALE = 0.999
"""Magnitude from which a sample counts as full scale, 1.0; 16-bit audio ends at 0.99997."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """The audio of one utterance: the reason why it cannot be used, or "", and its measurements."""

    reason: str = ""
    doubt: str = ""
    """Why it may be incomplete."""
    seconds: float = 0.0
    full_scale: float = 0.0
    """Share of samples at full scale, over all channels."""
    run: int = 0
    """Maximum number of consecutive samples at full scale."""
    content: str = ""
    """Hash of the decoded samples: the same for a WAV and its FLAC copy; "" if nothing could be decoded."""
    words: Words = SILENCE
    """Fingerprint."""


def listen(corpus: Corpus, audio: Audio, minimum_samples: int = 400, progress: bool = False) -> list[Heard]:
    """Returns one Heard per utterance, in the order of the corpus table."""

    def measure(file: str, start: float, end: float) -> Heard:
        try:
            sound = decode(Path(file), start, end)
        except AudioError as error:
            return Heard(str(error))
        return dataclasses.replace(_measured(sound.channels, sound.rate, audio, minimum_samples), doubt=sound.doubt)

    return of_each(corpus, measure, "listening", progress)


def _measured(channels: np.ndarray, rate: int, audio: Audio, minimum_samples: int) -> Heard:
    """Measures decoded frames [frames channels]. For unusable frames it returns only reason, length and content."""
    seconds = len(channels) / rate
    content = hashlib.sha256(f"{rate} {channels.shape[1]} ".encode() + channels.tobytes()).hexdigest()[:32]
    try:
        wave = usable(channels, rate, audio, minimum_samples)
    except AudioError as error:
        return Heard(str(error), seconds=seconds, content=content)
    if seconds > audio.max_seconds:
        wave = at_16_khz(channels.mean(axis=1, dtype=np.float32), rate)
    at_full_scale = np.abs(channels) >= FULL_SCALE
    longest = max(longest_run(at_full_scale[:, channel]) for channel in range(channels.shape[1]))
    words = fingerprint(wave) if np.isfinite(wave).all() else SILENCE
    return Heard("", "", seconds, float(at_full_scale.mean()), longest, content, words)


def at_16_khz(wave: np.ndarray, rate: int) -> np.ndarray:
    """Resamples a waveform to the rate of the fingerprints."""
    if rate == SAMPLE_RATE_HZ:
        return wave
    return torchaudio.functional.resample(torch.from_numpy(wave), rate, SAMPLE_RATE_HZ).numpy()


def longest_run(flags: np.ndarray) -> int:
    """Returns the length of the longest run of True.

    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    turns = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return int((turns[1::2] - turns[::2]).max(initial=0))
