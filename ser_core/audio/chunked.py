"""Where the audio of an uncompressed container lies, how much of it the header promises, and how much exists.

    WAV, RF64, W64, AIFF, 8SVX, CAF: chunks, of which one is the audio         AU, NIST SPHERE: a header, then the audio

Writers that do not know the length yet put in a number that no such file can have (0, or near 2, 4 or 2^63 bytes).
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from ser_core.audio.container import Container, read_at, size_of, unknown_length
from ser_core.audio.mpeg import inspect_mpeg

MPEG_CODES = (0x50, 0x55)
"""WAV codes for MPEG audio of layers 1 and 2, and of layer 3."""
GSM_CODE, GSM_BYTES, GSM_SAMPLES = 0x31, 65, 320
"""WAV code for GSM 6.10, and its block size. libsndfile reads an extra block from the byte that pads an odd number of them."""
PLACEHOLDERS = ((1 << 31) - (1 << 16), (1 << 31) + 1), ((1 << 32) - (1 << 16), 1 << 32)
"""Numbers near the largest that 32 bits hold, signed and unsigned; some writers subtract the header."""
W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
UNEXPLAINED = 4096
"""Minimum bytes after the audio that are no chunk for the header's length to count as too small."""


class Extent(NamedTuple):
    """The audio of a file: its first byte, and the bytes that the header promises."""

    begin: int
    promised: int
    place: int
    """Position of the length in the header."""
    form: str
    """Format of the length, for `struct`."""
    more: int = 0
    """Bytes that the length counts in addition to the audio."""
    code: int = 0
    """Coding of a WAV."""


Chunk = tuple[bytes, int, int, int]
"""Name, position of its size, first byte, size."""


def inspect_chunked(stream: BinaryIO) -> Container:
    """Detects a placeholder length, and rejects a file that holds less than its header promises."""
    extent, size = _extent(stream), size_of(stream)
    if extent is None:
        return Container()
    held, promised = size - extent.begin, extent.promised
    unknown = promised <= 0 or promised >= 1 << 62 or any(low <= promised < high for low, high in PLACEHOLDERS)
    if held < 0:
        return Container(damage=f"truncated: its audio would begin at byte {extent.begin}, and the file has {size}")
    if extent.code in MPEG_CODES:
        return inspect_mpeg(stream, extent.begin, size if unknown else min(size, extent.begin + promised))
    if promised == 0 and _is_name(read_at(stream, extent.begin, 4)):
        return Container()  # only further chunks follow: there is no audio
    if unknown and held:
        length_field = struct.pack(extent.form, held + extent.more)
        pieces = [[(0, extent.place), length_field, (extent.place + len(length_field), size)]]
        figure = f"{promised:#x} bytes of audio" if promised > 0 else "no number of bytes"
        return Container(doubt=unknown_length(f"the header gives {figure}"), pieces=pieces)
    if promised > held:
        return Container(damage=f"truncated: the header promises {promised} bytes of audio, the file holds {held}")
    frames = promised // GSM_BYTES * GSM_SAMPLES if extent.code == GSM_CODE else 0
    after = held - promised
    if after >= UNEXPLAINED and not _is_name(read_at(stream, extent.begin + promised + promised % 2, 4)):
        return Container(
            doubt=unknown_length(f"the {promised} bytes of audio are followed by {after} that the header does not explain")
        )
    return Container(frames=frames)


def _extent(stream: BinaryIO) -> Extent | None:
    """Returns the extent of the audio; None if it is not found."""
    head = read_at(stream, 0, 1024)
    find = next((find for sign, find in FORMS.items() if head.startswith(sign)), None)
    try:
        return find(stream, head) if find else None
    except struct.error:
        return None


def _wave(stream: BinaryIO, head: bytes) -> Extent | None:
    """Finds the audio of WAV in either byte order, and of RF64, which keeps 64-bit lengths in a separate chunk."""
    code, long = 0, (0, 0)
    order = ">" if head.startswith(b"RIFX") else "<"
    for name, place, begin, size in _chunks(stream, 12, order):
        if name == b"fmt ":
            code = struct.unpack(order + "H", read_at(stream, begin, 2))[0]
        elif name == b"ds64":
            long = begin + 8, struct.unpack("<q", read_at(stream, begin + 8, 8))[0]
        elif name == b"data":
            if long[0] and size == 0xFFFFFFFF:
                return Extent(begin, long[1], long[0], "<q", code=code)
            return Extent(begin, size, place, order + "I", code=code)
    return None


def _iff(stream: BinaryIO, head: bytes) -> Extent | None:
    """Finds the audio of AIFF, AIFF-C and 8SVX."""
    for name, place, begin, size in _chunks(stream, 12, ">"):
        if name == b"BODY":
            return Extent(begin, size, place, ">I")
        if name == b"SSND":
            more = 8 + struct.unpack(">I", read_at(stream, begin, 4))[0]
            return Extent(begin + more, size - more if size else 0, place, ">I", more)
    return None


def _chunks(stream: BinaryIO, position: int, order: str) -> Iterator[Chunk]:
    """Yields the chunks from a position on. Each begins at an even byte."""
    while len(head := read_at(stream, position, 8)) == 8:
        size = struct.unpack(order + "I", head[4:])[0]
        yield head[:4], position + 4, position + 8, size
        position += 8 + size + size % 2


def _w64(stream: BinaryIO, head: bytes) -> Extent | None:
    position = 40
    while len(head := read_at(stream, position, 24)) == 24:
        size = struct.unpack("<q", head[16:])[0]
        if head.startswith(W64_DATA):
            return Extent(position + 24, size - 24 if 24 <= size < 1 << 62 else 0, position + 16, "<q", 24)
        if size < 24:
            return None
        position += (size + 7) // 8 * 8
    return None


def _caf(stream: BinaryIO, head: bytes) -> Extent | None:
    position = 8
    while len(head := read_at(stream, position, 12)) == 12:
        size = struct.unpack(">q", head[4:])[0]
        if head.startswith(b"data"):
            return Extent(position + 16, size - 4 if size >= 4 else -1, position + 4, ">q", 4)
        if size < 0:
            return None
        position += 12 + size
    return None


def _au(stream: BinaryIO, head: bytes) -> Extent | None:
    order = "<" if head.startswith(b"dns.") else ">"
    begin, size = struct.unpack(order + "II", head[4:12])
    return Extent(begin, size, 8, order + "I")


def _nist(stream: BinaryIO, head: bytes) -> Extent | None:
    """Finds the audio of NIST SPHERE, whose header is text."""
    fields = dict(re.findall(rb"^(\w+) -\w+ (\S+)", head, re.MULTILINE))
    if not fields.get(b"sample_coding", b"pcm").split(b",")[0].startswith((b"pcm", b"ulaw", b"mu-law", b"alaw")):
        return None
    try:
        samples, channels, width = (int(fields[name]) for name in (b"sample_count", b"channel_count", b"sample_n_bytes"))
        return Extent(int(head[8:15]), samples * channels * width, 0, "") if samples > 0 else None
    except (KeyError, ValueError):
        return None


def _is_name(name: bytes) -> bool:
    """Whether four bytes can be the name of a chunk."""
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


FORMS: dict[bytes, Callable[[BinaryIO, bytes], Extent | None]] = {
    b"RIFF": _wave,
    b"RIFX": _wave,
    b"RF64": _wave,
    b"FORM": _iff,
    b"riff\x2e\x91": _w64,
    b"caff": _caf,
    b".snd": _au,
    b"dns.": _au,
    b"NIST_1A": _nist,
}
"""Functions that find the audio, by the first bytes of a file."""
