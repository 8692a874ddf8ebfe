"""How a file becomes a waveform, and every reason for which one is refused.

    file --decode, count, check--> [frames channels] --mean--> crop --> resample to 16 kHz --> float32 [samples]

libsndfile alone is too trusting: it returns a truncated WAV, MP3 or Ogg as a shorter one, passes on NaN, and sizes its
buffer by whatever the header says. So decoding goes block by block and its count is compared with the header's.
"""

import dataclasses
import math
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
import torch
import torchaudio.functional

from ser_core.errors import AudioError
from ser_core.options import Option, at_least, one_of

SAMPLE_RATE_HZ = 16_000
SILENT_PEAK = 1e-4
"""A waveform that never exceeds this (-80 dB of full scale, 3 steps of a 16-bit recorder) is silent."""
LONGEST_SECONDS = 3600.0
"""A header that promises more is damaged, or the file wants cutting by `start` and `end`."""
SLACK_SECONDS = 0.1
"""How far an annotated end may lie behind the file's: annotations are rounded."""
BLOCK_FRAMES = 1 << 18
MOST_CHANNELS = 32
MOST_FILTER_TAPS = 1 << 26
PROMISE = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
STREAMED = 0xFFFFFFFF
"""The length a WAV has that was written to a pipe: unknown, not wrong."""


@dataclasses.dataclass(frozen=True)
class Audio(Option):
    """What of an utterance is read."""

    key: ClassVar[str] = "audio"

    max_seconds: float = 15.0
    """Longest stretch of an utterance that is read, in seconds, at least 0.1."""
    longer: str = "start"
    """What becomes of a longer utterance: its start or its centre is kept, or refuse names it as unusable."""

    def __post_init__(self) -> None:
        at_least(self, "max_seconds", 0.1)
        one_of(self, "longer", ("start", "centre", "refuse"))


def load(file: Path | str, start: float, end: float, audio: Audio, minimum_samples: int = 400) -> np.ndarray:
    """The utterance as float32 [samples], mono, 16 kHz; `start` and `end` in seconds, NaN for the file's own.

    Raises AudioError with the reason alone: missing, empty, undecodable, truncated, segment outside the file, longer
    than allowed, non-finite, silent, or shorter than `minimum_samples` at 16 kHz.
    """
    return usable(*decode(Path(file), start, end), audio, minimum_samples)


def usable(channels: np.ndarray, rate: int, audio: Audio, minimum_samples: int = 400) -> np.ndarray:
    """What `load` makes of decoded frames [frames channels]. Raises AudioError with the reason alone."""
    wave = _crop(channels.mean(axis=1, dtype=np.float32), rate, audio)
    if not np.isfinite(wave).all():
        raise AudioError("holds values that are not finite")
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < SILENT_PEAK:
        raise AudioError(f"silent: never above {SILENT_PEAK:g} of full scale")
    if rate != SAMPLE_RATE_HZ:
        wave = torchaudio.functional.resample(torch.from_numpy(wave), rate, SAMPLE_RATE_HZ).numpy()
    if len(wave) < minimum_samples:
        raise AudioError(
            f"too short: {len(wave) / SAMPLE_RATE_HZ:.3f} s, and the encoder needs {minimum_samples / SAMPLE_RATE_HZ:.3f} s"
        )
    return np.ascontiguousarray(wave)


def _crop(wave: np.ndarray, rate: int, audio: Audio) -> np.ndarray:
    """At most `max_seconds` of a waveform [samples]. Raises AudioError where a longer one is to be refused."""
    most = round(audio.max_seconds * rate)
    if len(wave) <= most:
        return wave
    if audio.longer == "refuse":
        raise AudioError(f"{len(wave) / rate:.2f} s long, and audio.max_seconds={audio.max_seconds:g}")
    first = (len(wave) - most) // 2 if audio.longer == "centre" else 0
    return wave[first : first + most]


def decode(path: Path, start: float, end: float) -> tuple[np.ndarray, int]:
    """Frames of a file or of a segment, float32 [frames channels], and their rate in Hz. Raises AudioError, as `load` does."""
    if path.is_dir():
        raise AudioError("a folder, not a file")
    if not path.is_file():
        raise AudioError("missing")
    if path.stat().st_size == 0:
        raise AudioError("empty: 0 bytes")
    try:
        with soundfile.SoundFile(path) as sound:
            _check_header(sound, path)
            first, count = _stretch(sound.frames, sound.samplerate, start, end)
            sound.seek(first)
            return _read(sound, count), sound.samplerate
    except soundfile.LibsndfileError as error:
        raise AudioError(f"undecodable: {_why(error)}") from error


def _why(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").strip().rstrip(".")


def _check_header(sound: soundfile.SoundFile, path: Path) -> None:
    """Refuses what the header gives away as damaged, before anything is allocated by its figures."""
    if sound.frames == 0:
        raise AudioError("empty: no audio frames")
    if sound.channels > MOST_CHANNELS:
        raise AudioError(f"the header promises {sound.channels} channels; more than {MOST_CHANNELS} are refused")
    shared = math.gcd(sound.samplerate, SAMPLE_RATE_HZ)
    if sound.samplerate < 4000 or sound.samplerate * SAMPLE_RATE_HZ // shared**2 > MOST_FILTER_TAPS:
        raise AudioError(f"a sample rate of {sound.samplerate} Hz cannot be brought to {SAMPLE_RATE_HZ} Hz")
    for promised, held in PROMISE.findall(sound.extra_info):
        if int(promised) > int(held) and int(promised) != STREAMED:
            raise AudioError(f"truncated: the header promises {promised} bytes of audio, the file holds {held}")
    if sound.format == "OGG" and not _ogg_ends(path):
        raise AudioError("truncated: the last Ogg page is missing")


def _stretch(frames: int, rate: int, start: float, end: float) -> tuple[int, int]:
    """First frame and number of frames between two times in seconds, NaN for the file's own ends."""
    first = 0 if math.isnan(start) else round(start * rate)
    last = frames if math.isnan(end) else round(end * rate)
    if first < 0 or first >= frames or last > frames + SLACK_SECONDS * rate:
        raise AudioError(f"the segment {first / rate:.2f} to {last / rate:.2f} s lies outside 0 to {frames / rate:.2f} s")
    if last <= first:
        raise AudioError(f"the segment {first / rate:.2f} to {last / rate:.2f} s is empty")
    if last - first > LONGEST_SECONDS * rate:
        raise AudioError(f"the header promises {frames / rate:.0f} s; more than {LONGEST_SECONDS:.0f} s are refused")
    return first, min(last, frames) - first


def _read(sound: soundfile.SoundFile, count: int) -> np.ndarray:
    """The next `count` frames, float32 [count channels], block by block: memory grows with what is there."""
    blocks = []
    missing = count
    while missing:
        try:
            block = sound.read(min(missing, BLOCK_FRAMES), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"truncated or damaged: {_why(error)}") from error
        if not len(block):
            raise AudioError(f"truncated: {count - missing} of {count} frames can be decoded")
        blocks.append(block)
        missing -= len(block)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _ogg_ends(path: Path) -> bool:
    """Whether the last page of an Ogg file is whole and says it is the last (RFC 3533, section 6)."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 65_536))
        tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
