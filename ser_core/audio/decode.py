"""How a file becomes frames, and every reason why it may not.

    file --container.py: whole? how long?--> pieces --libsndfile, block by block--> [frames channels]

The length is the number of frames that decode. libsndfile alone trusts too much: it returns a truncated WAV, MP3 or Ogg as a
shorter one, and it sizes its buffer by the header. So the container is inspected first, and its count is compared.
"""

import contextlib
import dataclasses
import math
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile

from ser_core.audio.chunked import FORMS, inspect_chunked
from ser_core.audio.container import Container, after_id3, read_at, size_of, unknown_length
from ser_core.audio.flac import inspect_flac
from ser_core.audio.mpeg import frame_of, inspect_mpeg
from ser_core.audio.not_audio import name_of
from ser_core.audio.ogg import inspect_ogg
from ser_core.audio.virtual_file import VirtualFile
from ser_core.errors import AudioError

SAMPLE_RATE_HZ = 16_000
LONGEST_SECONDS = 3600.0
"""Maximum length of a file; cut longer ones with `start` and `end`."""
SLACK_SECONDS = 0.1
"""How far an annotated end may exceed the file's end, because annotations are rounded."""
BLOCK_FRAMES = 1 << 18
MOST_CHANNELS = 32
MOST_FILTER_TAPS = 1 << 26
PROMISE = re.compile(r"^\s*(?:data|BODY|Data (?:Size|Length))\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""libsndfile's log lines about containers that are not inspected here."""
LOOKED_THROUGH = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3", "RAW")
GSM_FRAME = 33
SKIPPED_SECONDS = 60.0
"""Up to this position an MP3 is read instead of sought; mpg123 complains on stderr about frames that need earlier ones."""
KINDS = {
    stat.S_ISDIR: "a folder, not a file",
    stat.S_ISFIFO: "a named pipe, not a file",
    stat.S_ISSOCK: "a socket, not a file",
    stat.S_ISCHR: "a device, not a file",
    stat.S_ISBLK: "a device, not a file",
}


@dataclasses.dataclass(frozen=True)
class Sound:
    """Decoded frames, float32 [frames channels], their rate in Hz, and why they may be incomplete; "" if they are complete."""

    channels: np.ndarray
    rate: int
    doubt: str = ""


class _Forward(soundfile.SoundFile):
    """Reads forward only. soundfile seeks after every read, which is slow and makes mpg123 complain on stderr."""

    def seekable(self) -> bool:
        return False

    @property
    def can_seek(self) -> bool:
        """Whether the format can seek, regardless of what `seekable` returns to soundfile."""
        return super().seekable()


def decode(path: Path, start: float, end: float) -> Sound:
    """Decodes a file or a segment. `start` and `end` are in seconds, NaN for the file's own. Raises AudioError."""
    container = inspect(path)
    if container.damage:
        raise AudioError(container.damage)
    with contextlib.ExitStack() as stack:
        sounds = [_open(path, piece, stack) for piece in container.pieces or [None]]
        rate = sounds[0].samplerate
        if any((sound.samplerate, sound.channels) != (rate, sounds[0].channels) for sound in sounds):
            raise AudioError("the streams in this file differ in rate or channels; split it")
        container = _headerless(path, sounds[0]) or container
        for sound in sounds:
            _check_header(sound)
        total = sum(sound.frames for sound in sounds)
        if total < container.frames:
            raise AudioError(f"damaged: {total} of {container.frames} frames can be decoded; convert it: ffmpeg -i FILE FILE.wav")
        first, count = _stretch(container.frames or total, rate, start, end)
        frames = _read_all(sounds, first, count)
    return Sound(frames, rate, container.doubt if math.isnan(end) else "")


def doubt_of(path: Path | str, end: float) -> str:
    """Returns why a file that decodes up to `end` may be incomplete; "" if it is complete or not readable any more."""
    try:
        return inspect(Path(path)).doubt if math.isnan(end) else ""
    except AudioError:
        return ""


def inspect(path: Path) -> Container:
    """Inspects a file's container without decoding it. Raises AudioError if there is no file to open."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise AudioError(next((name for is_kind, name in KINDS.items() if is_kind(state.st_mode)), "not a file"))
        if not state.st_size:
            raise AudioError("empty: 0 bytes")
        with path.open("rb", buffering=0) as stream:
            return _inspector(read_at(stream, 0, 64), path.suffix)(stream)
    except FileNotFoundError:
        raise AudioError("missing: " + _dangling(path) if path.is_symlink() else "missing") from None
    except ValueError as error:  # a NUL in the name
        raise AudioError(f"not a valid file name: {error}") from None
    except OSError as error:
        raise AudioError(f"unreadable: {error.strerror or error}") from None


def _dangling(path: Path) -> str:
    return f"a link to {path.readlink()}, which does not exist"


def _inspector(head: bytes, suffix: str) -> Callable[[BinaryIO], Container]:
    """Returns the inspector for a file that begins with these bytes."""
    if head.startswith(tuple(FORMS)):
        return inspect_chunked
    if head.startswith(b"OggS"):
        return inspect_ogg
    if head.startswith(b"fLaC"):
        return inspect_flac
    if head.startswith(b"ID3") or frame_of(head) or suffix.lower() in (".mp3", ".mp2", ".mpga"):
        return _tagged
    return _unknown


def _tagged(stream: BinaryIO) -> Container:
    """Inspects a FLAC after tags, or MPEG audio."""
    if read_at(stream, after_id3(stream), 4) == b"fLaC":
        return inspect_flac(stream)
    other = name_of(read_at(stream, 0, 64))
    return Container(damage=f"undecodable: {other}") if other else inspect_mpeg(stream, 0, size_of(stream))


def _unknown(stream: BinaryIO) -> Container:
    other = name_of(read_at(stream, 0, 64))
    return Container(damage=f"undecodable: {other}" if other else "")


def _open(path: Path, piece: Sequence | None, stack: contextlib.ExitStack) -> _Forward:
    """Opens a file, or a file assembled from parts. Raises AudioError."""
    try:
        source = path if piece is None else cast(BinaryIO, stack.enter_context(VirtualFile(path, piece)))
        return stack.enter_context(_Forward(source))
    except soundfile.LibsndfileError as error:
        raise AudioError(f"undecodable: {_why(error)}; if a player opens it, convert it: ffmpeg -i FILE FILE.wav") from error
    except TypeError as error:  # soundfile needs to know the rate of a file called .raw
        raise AudioError("undecodable: no header says how it is encoded; convert it: ffmpeg -i FILE FILE.wav") from error
    except OSError as error:
        raise AudioError(f"unreadable: {error.strerror or error}") from error


def _why(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").strip().rstrip(".")


def _headerless(path: Path, sound: _Forward) -> Container | None:
    """Checks what libsndfile reads as audio only because of the file name. Raises AudioError unless that is plausible."""
    if sound.format != "RAW":
        return None
    if sound.subtype == "GSM610":
        content = path.read_bytes()
        if any(byte >> 4 != 0xD for byte in content[::GSM_FRAME]):
            raise AudioError("undecodable: not GSM 6.10, although the name says so")
        if len(content) % GSM_FRAME:
            raise AudioError("truncated: the last GSM frame is cut")
    elif sound.subtype != "VOX_ADPCM":
        raise AudioError("undecodable: no header says how it is encoded; convert it: ffmpeg -i FILE FILE.wav")
    return Container(doubt=unknown_length("the file has no header"))


def _check_header(sound: _Forward) -> None:
    """Rejects a file with an implausible header before anything is allocated from its numbers."""
    if sound.frames == 0:
        raise AudioError("empty: no audio frames")
    if sound.channels > MOST_CHANNELS:
        raise AudioError(f"the header promises {sound.channels} channels; more than {MOST_CHANNELS} are refused")
    shared = math.gcd(sound.samplerate, SAMPLE_RATE_HZ)
    if sound.samplerate < 4000 or sound.samplerate * SAMPLE_RATE_HZ // shared**2 > MOST_FILTER_TAPS:
        raise AudioError(f"a sample rate of {sound.samplerate} Hz cannot be resampled to {SAMPLE_RATE_HZ} Hz")
    for promised, held in PROMISE.findall("" if sound.format in LOOKED_THROUGH else sound.extra_info):
        if int(promised) > int(held):
            raise AudioError(f"truncated: the header promises {promised} bytes of audio, the file holds {held}")


def _stretch(frames: int, rate: int, start: float, end: float) -> tuple[int, int]:
    """Returns first frame and number of frames between two times in seconds, NaN for the file's own ends."""
    first = 0 if math.isnan(start) else round(start * rate)
    last = frames if math.isnan(end) else round(end * rate)
    if first < 0 or first >= frames or last > frames + SLACK_SECONDS * rate:
        raise AudioError(f"the segment {first / rate:.2f} to {last / rate:.2f} s lies outside 0 to {frames / rate:.2f} s")
    if last <= first:
        raise AudioError(f"the segment {first / rate:.2f} to {last / rate:.2f} s is empty")
    if last - first > LONGEST_SECONDS * rate:
        raise AudioError(f"{frames / rate:.0f} s long; more than {LONGEST_SECONDS:.0f} s are refused")
    return first, min(last, frames) - first


def _read_all(sounds: Sequence[_Forward], first: int, count: int) -> np.ndarray:
    """Reads `count` frames from frame `first` of consecutive sounds, float32 [count channels]."""
    blocks = []
    for sound in sounds:
        skipped = min(first, sound.frames)
        here = min(count, sound.frames - skipped)
        if here:
            blocks += _read(sound, skipped, here)
        first, count = first - skipped, count - here
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _read(sound: _Forward, first: int, count: int) -> list[np.ndarray]:
    """Reads frames of one sound block by block, so that memory grows only with existing audio."""
    blocks: list[np.ndarray] = []
    missing = count
    try:
        if not first:
            pass
        elif not sound.can_seek or (sound.format == "MP3" and first < SKIPPED_SECONDS * sound.samplerate):
            _skip(sound, first)
        else:
            sound.seek(first)
        while missing:
            block = sound.read(min(missing, BLOCK_FRAMES), dtype="float32", always_2d=True)
            if not len(block):
                raise AudioError(f"truncated: {count - missing} of {count} frames can be decoded")
            blocks.append(block)
            missing -= len(block)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"truncated or damaged: {_why(error)}") from error
    return blocks


def _skip(sound: _Forward, count: int) -> None:
    """Skips the first frames of a sound that cannot seek, by reading them."""
    while count:
        read = len(sound.read(min(count, BLOCK_FRAMES), dtype="float32", always_2d=True))
        if not read:
            raise AudioError(f"truncated: {count} frames before the segment cannot be decoded")
        count -= read
