"""What is read of a file, and that every kind of damage is refused by name."""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ser_core.audio import LONGEST_SECONDS, SAMPLE_RATE_HZ, Audio, load
from ser_core.errors import AudioError, SettingError

NAN = float("nan")
SPEECHLIKE = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)


def write(file: Path, wave: np.ndarray = SPEECHLIKE, rate: int = 16_000, **settings: Any) -> Path:
    soundfile.write(file, wave, rate, **settings)
    return file


def cut(file: Path, share: float) -> Path:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    return file


def patched(file: Path, offset: int, content: bytes) -> Path:
    whole = bytearray(file.read_bytes())
    whole[offset : offset + len(content)] = content
    file.write_bytes(whole)
    return file


def promising(file: Path, frames: int) -> Path:
    """A FLAC whose header promises another number of frames: 36 bits from the lower half of byte 21."""
    high = (file.read_bytes()[21] & 0xF0) | (frames >> 32)
    return patched(file, 21, struct.pack(">BI", high, frames & 0xFFFFFFFF))


def written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def made(make: Callable[[Path], None], file: Path) -> Path:
    make(file)
    return file


def listening(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(file.relative_to(Path.cwd())) if len(str(file)) > 100 else str(file))


def linked(file: Path, target: Path) -> Path:
    file.symlink_to(target)
    return file


def with_nan(file: Path) -> Path:
    wave = SPEECHLIKE.copy()
    wave[1000] = np.nan
    return write(file, wave, subtype="FLOAT")


JUNK = np.random.default_rng(0).bytes(5000)

DAMAGE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda place: place / "a.wav", "missing"),
    "a folder": (lambda place: place, "a folder, not a file"),
    "empty file": (lambda place: written(place / "a.wav", b""), "empty: 0 bytes"),
    "no frames": (lambda place: write(place / "a.wav", SPEECHLIKE[:0]), "empty: no audio frames"),
    "random bytes": (lambda place: written(place / "a.wav", JUNK), "undecodable: Format not recognised"),
    "a text": (lambda place: written(place / "a.wav", b"not a sound\n" * 50), "undecodable: Format not recognised"),
    "cut flac": (
        lambda place: cut(write(place / "a.flac"), 0.5),
        "truncated: the header promises 48000 samples, its frames end at",
    ),
    "cut wav": (lambda place: cut(write(place / "a.wav"), 0.5), "truncated: the header promises 96000 bytes of audio"),
    "cut aiff": (lambda place: cut(write(place / "a.aiff"), 0.5), "truncated: the header promises 96000 bytes"),
    "cut au": (lambda place: cut(write(place / "a.au"), 0.5), "truncated: the header promises 96000 bytes"),
    "cut ogg": (lambda place: cut(write(place / "a.ogg"), 0.9), "truncated: the last Ogg page is cut"),
    "cut opus": (
        lambda place: cut(write(place / "a.ogg", format="OGG", subtype="OPUS"), 0.9),
        "truncated: the last Ogg page is cut",
    ),
    "cut mp3": (
        lambda place: cut(write(place / "a.mp3"), 0.5),
        "truncated: the header promises 86 MPEG frames, the file holds 41",
    ),
    "hole in flac": (
        lambda place: patched(write(place / "a.flac"), 40_000, JUNK[:2000]),
        "truncated or damaged: (flac decoder lost sync|unknown error in flac decoder)",
    ),
    "flac header of days": (
        lambda place: promising(write(place / "a.flac"), 2**36 - 1),
        "truncated: the header promises 68719476735 samples, its frames end at 48000",
    ),
    "flac header of minutes": (
        lambda place: promising(write(place / "a.flac"), 10**7),
        "truncated: the header promises 10000000 samples",
    ),
    "wav header of hours": (
        lambda place: patched(write(place / "a.wav"), 40, struct.pack("<I", 0x40000000)),
        "truncated: the header promises 1073741824 bytes of audio, the file holds 96000",
    ),
    "au that begins behind its end": (
        lambda place: patched(write(place / "a.au"), 4, struct.pack(">I", 10**6)),
        "truncated: its audio would begin at byte 1000000, and the file has 96024",
    ),
    "w64 of a chunk beyond all files": (
        lambda place: patched(write(place / "a.w64"), 40 + 16, struct.pack("<q", 2**62)),
        "undecodable",
    ),
    "silent": (lambda place: write(place / "a.wav", SPEECHLIKE * 1e-5), "silent: never above 0.0001 of full scale"),
    "not finite": (lambda place: with_nan(place / "a.wav"), "holds values that are not finite"),
    "too short": (
        lambda place: write(place / "a.wav", SPEECHLIKE[:399]),
        r"too short: 0\.025 s, but the encoder needs 0\.025 s",
    ),
    "rate too low": (lambda place: write(place / "a.wav", rate=100), "a sample rate of 100 Hz cannot be resampled"),
    "rate of no common factor": (lambda place: write(place / "a.wav", rate=16_001), "a sample rate of 16001 Hz cannot"),
    "channels": (lambda place: write(place / "a.wav", np.zeros((99, 40))), "the header promises 40 channels"),
    "an hour and a second": (
        lambda place: write(place / "a.wav", np.zeros(3601 * 4000, np.float32), 4000, subtype="PCM_U8"),
        "3601 s long; more than 3600 s are refused",
    ),
    "a named pipe": (lambda place: made(os.mkfifo, place / "a.wav"), "a named pipe, not a file"),
    "a socket": (lambda place: made(listening, place / "a.wav"), "a socket, not a file"),
    "a device": (lambda place: Path("/dev/zero"), "a device, not a file"),
    "a link to nothing": (
        lambda place: linked(place / "a.wav", place / "gone.wav"),
        "missing: a link to .*gone.wav, which does not exist",
    ),
    "a link to itself": (lambda place: linked(place / "a.wav", place / "a.wav"), "unreadable: Too many levels of symbolic links"),
    "a file as folder": (lambda place: write(place / "a.wav") / "b.wav", "unreadable: Not a directory"),
    "a name of 300 bytes": (lambda place: place / f"{'a' * 300}.wav", "unreadable: File name too long"),
    "a NUL in the name": (lambda place: place / "a\0.wav", "not a valid file name: embedded null"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(tmp_path: Path, kind: str) -> None:
    make, reason = DAMAGE[kind]
    with pytest.raises(AudioError, match=f"^{reason}"):
        load(make(tmp_path), NAN, NAN, Audio())


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_every_format_and_rate_becomes_16_khz_of_the_same_length(tmp_path: Path, name: str, rate: int) -> None:
    time = np.arange(2 * rate) / rate
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    wave = load(write(tmp_path / name, tone, rate), NAN, NAN, Audio())
    assert wave.dtype == np.float32
    assert wave.shape == (2 * SAMPLE_RATE_HZ,)
    spectrum = np.abs(np.fft.rfft(wave))
    assert abs(int(spectrum.argmax()) / 2 - 440) <= 1


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([SPEECHLIKE, np.zeros_like(SPEECHLIKE)], 1)
    wave = load(write(tmp_path / "a.wav", both, subtype="FLOAT"), NAN, NAN, Audio())
    np.testing.assert_allclose(wave, SPEECHLIKE / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (NAN, NAN, 0, 48_000),
        (1.0, NAN, 16_000, 48_000),
        (NAN, 0.5, 0, 8_000),
        (1.0, 2.0, 16_000, 32_000),
        (2.0, 3.09, 32_000, 48_000),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_segment_is_what_lies_between(tmp_path: Path, name: str, start: float, end: float, first: int, last: int) -> None:
    wave = load(write(tmp_path / name), start, end, Audio())
    np.testing.assert_allclose(wave, SPEECHLIKE[first:last], atol=1e-4)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (3.5, 4.0, "the segment 3.50 to 4.00 s lies outside 0 to 3.00 s"),
        (1.0, 3.5, "the segment 1.00 to 3.50 s lies outside 0 to 3.00 s"),
        (-1.0, 1.0, "the segment -1.00 to 1.00 s lies outside 0 to 3.00 s"),
        (1.0, 1.0, "the segment 1.00 to 1.00 s is empty"),
    ],
)
def test_a_segment_outside_the_file_is_refused(tmp_path: Path, start: float, end: float, reason: str) -> None:
    with pytest.raises(AudioError, match=reason):
        load(write(tmp_path / "a.wav"), start, end, Audio())


@pytest.mark.parametrize(("longer", "first"), [("start", 0), ("centre", 16_000)])
def test_the_longer_is_cropped(tmp_path: Path, longer: str, first: int) -> None:
    wave = load(write(tmp_path / "a.wav"), NAN, NAN, Audio(max_seconds=1.0, longer=longer))
    np.testing.assert_allclose(wave, SPEECHLIKE[first : first + 16_000], atol=1e-4)


def test_the_longer_is_refused_where_asked(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"3\.00 s long, but audio\.max_seconds=1"):
        load(write(tmp_path / "a.wav"), NAN, NAN, Audio(max_seconds=1.0, longer="refuse"))


def test_a_wav_written_to_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    file = patched(write(tmp_path / "a.wav"), 40, struct.pack("<I", 0xFFFFFFFF))
    assert len(load(file, NAN, NAN, Audio())) == 48_000


def test_minutes_are_decoded_block_by_block(tmp_path: Path) -> None:
    noise = np.tile(SPEECHLIKE, 10)
    wave = load(write(tmp_path / "a.wav", noise, subtype="FLOAT"), NAN, NAN, Audio(max_seconds=LONGEST_SECONDS))
    np.testing.assert_array_equal(wave, noise)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"max_seconds": 0.0}, "audio.max_seconds must be at least 0.1"), ({"longer": "end"}, "audio.longer must be one")],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float | str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Audio(**settings)  # pyright: ignore[reportArgumentType]
