"""How an audit reads audio: every utterance is decoded once, completely, and everything that any check needs is measured."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import torch
import torchaudio.functional

from ser_core.audio import SAMPLE_RATE_HZ, Audio, decode, usable
from ser_core.audit.copies import NOTHING, Picture, picture
from ser_core.audit.cues import Cues, file_format, measure_cues
from ser_core.audit.fingerprint import SILENCE, Words, fingerprint
from ser_core.audit.spectrum import power_of, voice_of
from ser_core.corpus.check import of_each
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError

FULL_SCALE = 0.999
"""Magnitude from which a sample counts as full scale, 1.0; 16-bit audio ends at 0.99997."""

MOST_PICTURES = 20_000
"""Utterances up to which changed copies are searched: their pictures take 7 kB per second of speech."""


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
    format: str = ""
    """Kind of the file: ending, coding, sample rate, channels."""
    cues: Cues = dataclasses.field(default_factory=Cues)
    """Silence, bandwidth, noise, level and length."""
    voice: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    """Mean and spread of the cepstrum; empty if nothing is loud."""
    picture: Picture = dataclasses.field(default_factory=lambda: NOTHING)
    """What stands out in the spectrum, to find changed copies; empty in large corpora."""


def listen(corpus: Corpus, audio: Audio, minimum_samples: int = 400, progress: bool = False) -> list[Heard]:
    """Returns one Heard per utterance, in the order of the corpus table."""
    small = len(corpus) <= MOST_PICTURES

    def hear(file: str, start: float, end: float) -> Heard:
        try:
            sound = decode(Path(file), start, end)
        except AudioError as error:
            return Heard(str(error))
        heard = measure(sound.channels, sound.rate, audio, minimum_samples)
        kind = file_format(Path(file), sound.rate, sound.channels.shape[1])
        return dataclasses.replace(heard, doubt=sound.doubt, format=kind, picture=heard.picture if small else NOTHING)

    return of_each(corpus, hear, "listening", progress)


def measure(channels: np.ndarray, rate: int, audio: Audio, minimum_samples: int) -> Heard:
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
    heard = Heard("", "", seconds, float(at_full_scale.mean()), longest, content)
    if not np.isfinite(wave).all():
        return heard
    power = power_of(wave)
    return dataclasses.replace(
        heard,
        words=fingerprint(wave),
        cues=measure_cues(channels, rate, wave, power),
        voice=voice_of(power),
        picture=picture(power),
    )


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
