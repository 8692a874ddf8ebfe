"""Makes intact odd files and damaged ones from real speech, by ffmpeg and by changing bytes, the same ones for a seed."""

import functools
import io
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from ser_core.audio.mpeg import frame_of

Rng = np.random.Generator
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Speech(NamedTuple):
    """What files are made of: int16 [samples] at 16 kHz, and a source of chance."""

    samples: np.ndarray
    chance: Rng

    def wav(self, subtype: str = "PCM_16", scale: float = 1.0, channels: int = 1, rate: int = 16_000, form: str = "WAV") -> bytes:
        """As a file that libsndfile writes."""
        wave = np.repeat(self.samples[:, None] / 32_768 * scale, channels, 1)
        return file_of(wave, rate, subtype, form)

    def encoded(self, options: str, piped: bool = False, rate: int = 16_000) -> bytes:
        """As ffmpeg writes it with these options, of which the last is the format; into a file, or into a pipe."""
        return ffmpeg(self.wav(rate=rate), options, piped)


def file_of(wave: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16", form: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, wave, rate, format=form, subtype=subtype)
    return content.getvalue()


def ffmpeg(content: bytes, options: str, piped: bool = False) -> bytes:
    """What Debian's ffmpeg makes of a file."""
    words = options.split()
    target = Path(f"/proc/self/fd/{(memory := os.memfd_create('made'))}")
    try:
        command = [
            program(),
            "-v",
            "error",
            "-y",
            "-i",
            "pipe:0",
            *words[:-1],
            "-f",
            words[-1],
            "pipe:1" if piped else f"file:{target}",
        ]
        done = subprocess.run(command, input=content, capture_output=True, check=True, pass_fds=[memory])
        return done.stdout if piped else target.read_bytes()
    finally:
        os.close(memory)


def counted(file: Path) -> tuple[float, int] | None:
    """Seconds and channels of a file as ffmpeg decodes it; None where it does not."""
    command = [program(), "-v", "error", "-i", str(file), "-f", "wav", "-c:a", "pcm_s16le", "pipe:1"]
    content = subprocess.run(command, capture_output=True, check=False).stdout
    if len(content) < 44:
        return None
    channels, rate = struct.unpack_from("<HI", content, 22)
    return (len(content) - content.index(b"data") - 8) / 2 / channels / rate, channels


@functools.cache
def program() -> str:
    """Where ffmpeg is. Fails a test in continuous integration and skips it elsewhere where there is none."""
    if found := shutil.which("ffmpeg"):
        return found
    message = "ffmpeg is missing: apt-get install ffmpeg"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def put(content: bytes, place: int, form: str, value: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def data_size(content: bytes, value: int) -> bytes:
    """A WAV with another figure for the length of its audio."""
    return put(content, content.index(b"data") + 4, "<I", value)


def id3(size: int) -> bytes:
    """An ID3v2 tag."""
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def pages(content: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    found, position = [], 0
    while position < len(content):
        segments = content[position + 26]
        length = 27 + segments + sum(content[position + 27 : position + 27 + segments])
        found.append(content[position : position + length])
        position += length
    return found


def without_end(content: bytes) -> bytes:
    """An Ogg file whose last page is not marked as the last."""
    *others, last = pages(content)
    page = bytearray(last)
    page[5] &= ~4
    page[22:26] = bytes(4)
    total = zlib.crc32(bytes(page).translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    page[22:26] = total.to_bytes(4, "big").translate(MIRRORED)
    return b"".join([*others, bytes(page)])


def with_chunk(content: bytes, chance: Rng) -> bytes:
    """A WAV with a chunk of an odd size before its audio."""
    size = int(chance.integers(5, 300)) * 2 + 1
    place = content.index(b"data")
    chunk = b"junk" + struct.pack("<I", size) + bytes(size + 1)
    return content[:place] + chunk + content[place:]


def frame_ends(content: bytes) -> list[int]:
    """Where the frames of an MP3 without tags end."""
    ends, position = [], 0
    while frame := frame_of(content[position : position + 4]):
        position += frame.size
        ends.append(position)
    return ends


VBR = "-c:a libmp3lame -q:a {} -write_xing 0 -id3v2_version 0 mp3"
CBR = "-c:a libmp3lame -b:a {}k -write_xing 0 -id3v2_version 0 mp3"
UNKNOWN = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 44, 0x7FFFFFFF - 36)


def vbr(speech: Speech) -> bytes:
    return speech.encoded(VBR.format(speech.chance.integers(2, 8)))


def cbr(speech: Speech) -> bytes:
    return speech.encoded(CBR.format(speech.chance.choice([32, 48, 64, 128])))


INTACT: dict[str, tuple[str, Callable[[Speech], bytes], bool]] = {
    "mp3 of a variable bitrate, no header": ("mp3", vbr, False),
    "mp3 of a constant bitrate, no header": ("mp3", cbr, False),
    "mp3 of an average bitrate, no header": (
        "mp3",
        lambda s: s.encoded("-c:a libmp3lame -abr 1 -b:a 48k -write_xing 0 mp3"),
        False,
    ),
    "mp3 from a pipe": ("mp3", lambda s: s.encoded("-c:a libmp3lame -q:a 6 mp3", piped=True), False),
    "mp3 with a header": ("mp3", lambda s: s.encoded("-c:a libmp3lame -q:a 4 mp3"), True),
    "mp3 of 44.1 kHz, stereo, no header": ("mp3", lambda s: s.encoded("-ar 44100 -ac 2 " + VBR.format(4)), False),
    "mp3 behind a tag of 1 MB": ("mp3", lambda s: id3(1 << 20) + vbr(s), False),
    "mp3 behind noise": ("mp3", lambda s: s.chance.bytes(3000).replace(b"\xff", b"x") + vbr(s), False),
    "mp3 before tags": (
        "mp3",
        lambda s: vbr(s) + b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0) + bytes(8) + b"TAG".ljust(128, b" "),
        False,
    ),
    "two mp3s without a header": ("mp3", lambda s: vbr(s) + vbr(s), False),
    "two mp3s with headers": ("mp3", lambda s: 2 * s.encoded("-c:a libmp3lame -q:a 4 -id3v2_version 0 mp3"), False),
    "mp3 called wav": ("wav", cbr, False),
    "mp3 in a wav": ("wav", lambda s: s.encoded("-c:a libmp3lame -q:a 4 wav"), False),
    "mp2": ("mp2", lambda s: s.encoded("-c:a mp2 -b:a 64k mp2"), False),
    "flac from a pipe": ("flac", lambda s: s.encoded("flac", piped=True), True),
    "flac from a pipe behind a tag": ("flac", lambda s: id3(1000) + s.encoded("flac", piped=True), True),
    "wav of unknown length": ("wav", lambda s: data_size(s.wav(), int(s.chance.choice(UNKNOWN))), True),
    "wav from a pipe": ("wav", lambda s: s.encoded("wav", piped=True), True),
    "wav of a wrong whole size": ("wav", lambda s: put(s.wav(), 4, "<I", int(s.chance.integers(2**32))), True),
    "wav with odd chunks": ("wav", lambda s: with_chunk(s.wav(), s.chance), True),
    "wav of gsm": ("wav", lambda s: s.encoded("-ar 8000 -c:a libgsm_ms wav"), False),
    "wav of adpcm from a pipe": ("wav", lambda s: s.encoded("-c:a adpcm_ima_wav wav", piped=True), False),
    "wav of 8 channels": ("wav", lambda s: s.wav("PCM_24", channels=8), True),
    "wav of 192 kHz": ("wav", lambda s: s.wav(rate=192_000), True),
    "wav beyond full scale": ("wav", lambda s: s.wav("FLOAT", scale=8.0), True),
    "rf64": ("wav", lambda s: s.encoded("-rf64 always wav"), True),
    "rf64 from a pipe": ("wav", lambda s: s.encoded("-rf64 always wav", piped=True), True),
    "w64 from a pipe": ("w64", lambda s: s.encoded("w64", piped=True), True),
    "caf from a pipe": ("caf", lambda s: s.encoded("caf", piped=True), True),
    "aiff from a pipe": ("aiff", lambda s: s.encoded("aiff", piped=True), True),
    "au from a pipe": ("au", lambda s: s.encoded("au", piped=True), True),
    "gsm without a header": ("gsm", lambda s: s.encoded("-ar 8000 -c:a libgsm gsm"), False),
    "opus": ("opus", lambda s: s.encoded("-c:a libopus -b:a 24k opus"), True),
    "opus without an end mark": ("opus", lambda s: without_end(s.encoded("-c:a libopus opus")), True),
    "vorbis without an end mark": ("ogg", lambda s: without_end(s.encoded("-c:a libvorbis ogg")), True),
    "two opus streams": ("opus", lambda s: 2 * s.encoded("-c:a libopus -b:a 24k opus"), True),
}
"""Kind: suffix, how it is made, and whether every sample of the speech is there, whatever a decoder says."""


def cut(content: bytes, chance: Rng) -> bytes:
    return content[: int(len(content) * chance.uniform(0.3, 0.95))]


def cut_in_frame(content: bytes, chance: Rng) -> bytes:
    """An MP3 that ends amid a frame."""
    ends = frame_ends(content)
    return content[: ends[len(ends) // 2] + int(chance.integers(4, 30))]


def overwritten(content: bytes, chance: Rng, count: int = 3000) -> bytes:
    """A file with noise in its middle."""
    place = int(chance.integers(len(content) // 4, len(content) // 2))
    return content[:place] + chance.bytes(count).replace(b"\xff", b"y") + content[place + count :]


def shortened(content: bytes, chance: Rng) -> bytes:
    """A file from whose middle bytes are missing."""
    place = int(chance.integers(len(content) // 3, len(content) // 2))
    return content[:place] + content[place + int(chance.integers(501, 2500)) :]


def one_sample(speech: Speech, value: float) -> bytes:
    wave = speech.samples / 32_768
    wave[int(speech.chance.integers(len(wave)))] = value
    return file_of(wave, subtype="FLOAT")


def opus(speech: Speech) -> bytes:
    return speech.encoded("-c:a libopus -b:a 64k -page_duration 200000 opus")


def vorbis(speech: Speech) -> bytes:
    return speech.encoded("-c:a libvorbis -page_duration 200000 ogg")


def page_less(content: bytes) -> bytes:
    found = pages(content)
    return b"".join(found[: len(found) // 2] + found[len(found) // 2 + 1 :])


GONE = r"truncated|truncated or damaged|damaged"
DAMAGED: dict[str, tuple[str, Callable[[Speech], bytes], str]] = {
    "cut wav": ("wav", lambda s: cut(s.wav(), s.chance), "truncated: the header promises"),
    "cut wav of 8 channels": ("wav", lambda s: cut(s.wav("PCM_24", channels=8), s.chance), "truncated: the header promises"),
    "cut rf64": ("wav", lambda s: cut(s.encoded("-rf64 always wav"), s.chance), "truncated: the header promises"),
    "cut w64": ("w64", lambda s: cut(s.wav(form="W64"), s.chance), "truncated: the header promises"),
    "cut aiff": ("aiff", lambda s: cut(s.wav(form="AIFF"), s.chance), "truncated: the header promises"),
    "cut au": ("au", lambda s: cut(s.wav(form="AU"), s.chance), "truncated: the header promises"),
    "cut caf": ("caf", lambda s: cut(s.wav(form="CAF"), s.chance), "truncated: the header promises"),
    "cut nist": ("sph", lambda s: cut(s.wav(form="NIST"), s.chance), "truncated: the header promises"),
    "cut gsm in wav": ("wav", lambda s: cut(s.wav("GSM610"), s.chance), "truncated: the header promises"),
    "cut adpcm": ("wav", lambda s: cut(s.wav("MS_ADPCM"), s.chance), "truncated: the header promises"),
    "cut gsm": ("gsm", lambda s: s.encoded("-ar 8000 -c:a libgsm gsm")[:-7], "truncated: the last GSM frame"),
    "cut flac": ("flac", lambda s: cut(s.wav(form="FLAC"), s.chance), GONE),
    "cut flac of unknown length": ("flac", lambda s: cut(s.encoded("flac", piped=True), s.chance), GONE),
    "cut mp3": ("mp3", lambda s: cut(s.encoded("-c:a libmp3lame -q:a 4 mp3"), s.chance), "truncated: the header promises"),
    "cut mp3 without a header": ("mp3", lambda s: cut_in_frame(vbr(s), s.chance), "truncated: the last MPEG frame is cut"),
    "cut between mp3 frames": ("mp3", lambda s: (c := vbr(s))[: frame_ends(c)[20]], "length unknown"),
    "cut opus": ("opus", lambda s: cut(opus(s), s.chance), "truncated: the last Ogg page is cut"),
    "cut vorbis": ("ogg", lambda s: cut(vorbis(s), s.chance), "truncated: the last Ogg page is cut"),
    "cut between ogg pages": ("opus", lambda s: b"".join(pages(opus(s))[:6]), "length unknown"),
    "hole in flac": ("flac", lambda s: overwritten(s.wav(form="FLAC"), s.chance), GONE),
    "one byte of flac": ("flac", lambda s: overwritten(s.wav(form="FLAC"), s.chance, 1), GONE),
    "hole in mp3": ("mp3", lambda s: overwritten(cbr(s), s.chance, 2000), "damaged: there is no MPEG audio frame at byte"),
    "bytes of mp3 missing": ("mp3", lambda s: shortened(cbr(s), s.chance), "damaged: there is no MPEG audio frame at byte"),
    "hole in opus": ("opus", lambda s: overwritten(opus(s), s.chance, 40), "damaged: the checksum of the Ogg page"),
    "page of opus missing": ("opus", lambda s: page_less(opus(s)), "damaged: Ogg pages are missing"),
    "page of vorbis missing": ("ogg", lambda s: page_less(vorbis(s)), "damaged: Ogg pages are missing"),
    "bytes of flac missing": ("flac", lambda s: shortened(s.wav(form="FLAC"), s.chance), GONE),
    "cut in the header of a wav": ("wav", lambda s: s.wav()[: int(s.chance.integers(12, 36))], "undecodable"),
    "cut in the header of a flac": ("flac", lambda s: s.wav(form="FLAC")[: int(s.chance.integers(5, 42))], "undecodable"),
    "cut in the header of an ogg": ("ogg", lambda s: vorbis(s)[: int(s.chance.integers(5, 60))], "truncated"),
    "no audio in wav": ("wav", lambda s: s.wav()[:44], "truncated: the header promises"),
    "no samples": ("wav", lambda s: file_of(np.zeros((0, 1))), "empty: no audio frames"),
    "zeros": ("wav", lambda s: s.wav(scale=0.0), "silent: never above"),
    "constant": ("wav", lambda s: file_of(np.full((9000, 1), s.chance.uniform(0.01, 0.9))), "silent: constant at"),
    "nan": ("wav", lambda s: one_sample(s, np.nan), "holds values that are not finite"),
    "inf": ("wav", lambda s: one_sample(s, np.inf), "holds values that are not finite"),
    "absurd": ("wav", lambda s: one_sample(s, float(s.chance.choice([1e38, -1e38, 1e5, -1e20]))), "beyond full scale"),
    "integers as floats": ("wav", lambda s: s.wav("FLOAT", scale=32_768.0), "beyond full scale"),
    "zero bytes": ("wav", lambda s: b"", "empty: 0 bytes"),
    "noise called au": ("au", lambda s: b"\x01" + s.chance.bytes(5000), "undecodable"),
    "noise called mp3": ("mp3", lambda s: b"\x01" + s.chance.bytes(5000), "undecodable"),
    "noise called gsm": ("gsm", lambda s: b"\x01" + s.chance.bytes(3299), "undecodable"),
    "noise called raw": ("raw", lambda s: b"\x01" + s.chance.bytes(5000), "undecodable"),
    "m4a": ("m4a", lambda s: s.encoded("-c:a aac ipod"), "undecodable: MPEG-4"),
    "webm": ("wav", lambda s: s.encoded("-c:a libopus webm"), "undecodable: Matroska"),
    "aac": ("aac", lambda s: s.encoded("-c:a aac adts"), "undecodable: AAC"),
    "ogg with flac": ("oga", lambda s: s.encoded("-c:a flac ogg"), "undecodable: Ogg with FLAC"),
    "git lfs pointer": (
        "flac",
        lambda s: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "undecodable: a Git LFS",
    ),
    "web page": ("mp3", lambda s: b"\n<!DOCTYPE html>\n<html>404" * 9, "undecodable: a web page"),
    "zip": ("ogg", lambda s: b"PK\x03\x04" + s.chance.bytes(500), "undecodable: a zip archive"),
}
"""Kind: suffix, how it is made, and how its reason, or its doubt, begins."""


def speech_of(files: list[Path], seed: int) -> Speech:
    """Two seconds or so of one of these recordings."""
    chance = np.random.default_rng(seed)
    samples = soundfile.read(files[int(chance.integers(len(files)))], dtype="int16")[0]
    return Speech(samples[: 2 * int(chance.integers(14_000, 18_000))], chance)
