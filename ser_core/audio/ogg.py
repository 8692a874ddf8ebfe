"""How an Ogg file is checked page by page, and where one stream ends and the next begins.

    page: OggS, version, flags (4: last of its stream), granule, serial, number, sum, lacing | packets       RFC 3533

libsndfile returns a file without its last pages as a shorter one, and reads only the first of several consecutive streams.
"""

import dataclasses
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ser_core.audio.container import Container, read_at, size_of, unknown_length
from ser_core.audio.virtual_file import Part

FIRST, LAST = 2, 4
"""Flags of a page: the first of its stream, the last."""
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
CODECS = {b"\x7fFLAC": "FLAC", b"Speex  ": "Speex", b"\x80theora": "Theora", b"fishead\0": "Skeleton"}
"""Contents of an Ogg file that libsndfile does not read."""


@dataclasses.dataclass
class Stream:
    """One logical stream: its first byte, and its last page."""

    begin: int
    last: int = 0
    page: bytes = b""

    @property
    def ends(self) -> bool:
        """Whether the last page is marked as the last."""
        return bool(self.page[5] & LAST)

    @property
    def piece(self) -> list[Part]:
        """Returns the stream with a marked last page; libsndfile calls an Opus stream without one malformed."""
        page = bytearray(self.page)
        page[5] |= LAST
        page[22:26] = _sum(page)
        return [(self.begin, self.last), bytes(page)]


class _Damage(Exception):
    """A fault of a page."""


def inspect_ogg(stream: BinaryIO) -> Container:
    """Checks every page. Consecutive streams become pieces."""
    try:
        streams = _streams(stream)
    except _Damage as damage:
        return Container(damage=str(damage))
    head = read_at(stream, 0, 300)
    packet = head[27 + head[26] :]
    for sign, codec in CODECS.items():
        if packet.startswith(sign):
            return Container(damage=f"undecodable: Ogg with {codec} is not read; convert it: ffmpeg -i FILE FILE.wav")
    if len(streams) == 1 and streams[0].ends:
        return Container()
    doubt = "" if all(one.ends for one in streams) else unknown_length("the last Ogg page is not marked as the last")
    return Container(doubt=doubt, pieces=[one.piece for one in streams])


def _streams(stream: BinaryIO) -> list[Stream]:
    """Returns the consecutive streams; interleaved streams count as one. Raises _Damage."""
    streams: list[Stream] = []
    numbers: dict[int, int] = {}
    opening = False
    for begin, page in _pages(stream):
        flags, granule, serial, number = struct.unpack_from("<Bq2I", page, 5)
        if flags & FIRST and not opening:
            streams.append(Stream(begin))
            numbers.clear()
        opening = bool(flags & FIRST)
        if not streams:
            raise _Damage("truncated: the first Ogg page is missing")
        if serial in numbers and number != numbers[serial] + 1 and granule > 0:
            raise _Damage(f"damaged: Ogg pages are missing before byte {begin}")
        numbers[serial] = number
        streams[-1].last, streams[-1].page = begin, page
    return streams


def _pages(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yields position and bytes of every page. Raises _Damage for an incomplete one."""
    position, size, last = 0, size_of(stream), False
    while position < size:
        head = read_at(stream, position, 27)
        if not b"OggS".startswith(head[:4]):
            if last:
                return
            raise _Damage(f"damaged: no Ogg page at byte {position}")
        lacing = read_at(stream, position + 27, head[26]) if len(head) == 27 else b""
        length = 27 + len(lacing) + sum(lacing)
        page = read_at(stream, position, length)
        if len(head) < 27 or len(lacing) < head[26] or len(page) < length:
            raise _Damage("truncated: the last Ogg page is cut")
        if _sum(page) != page[22:26]:
            raise _Damage(f"damaged: the checksum of the Ogg page at byte {position} is wrong")
        yield position, page
        last, position = bool(page[5] & LAST), position + length


def _sum(page: bytes | bytearray) -> bytes:
    """Returns the checksum of a page: CRC-32 with the reverse bit order of zlib, starting at 0."""
    plain = bytes(page[:22] + bytes(4) + page[26:]).translate(MIRRORED)
    return (zlib.crc32(plain, 0xFFFFFFFF) ^ 0xFFFFFFFF).to_bytes(4, "big").translate(MIRRORED)
