"""What a container says about the end of its audio, and whether that can be trusted.

    file --magic--> chunked.py (WAV, RF64, W64, AIFF, AU, CAF, NIST)  mpeg.py (MP3)  flac.py  ogg.py --> Container

Writers that cannot seek back (a pipe, a recorder that lost power) omit a length or write a placeholder. The audio is then
intact, but libsndfile guesses or refuses. So the length is counted here and passed to libsndfile in a corrected header.
A container that states its length and holds less is damaged.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import BinaryIO

from ser_core.audio.virtual_file import Part


@dataclasses.dataclass(frozen=True)
class Container:
    """What is known about a file before anything is decoded."""

    damage: str = ""
    """Why it cannot be used; "" if it can."""
    doubt: str = ""
    """Why a cut would not be noticed; "" if it would."""
    pieces: Sequence[Sequence[Part]] = ()
    """What libsndfile reads, one after the other, instead of the file; () for the file itself."""
    frames: int = 0
    """Number of frames in the pieces if they were counted, else 0."""


def unknown_length(why: str) -> str:
    """Returns a doubt as a sentence. All doubts begin the same way, so that they can be counted."""
    return f"length unknown: {why}, so a truncation would go unnoticed"


def read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    """Reads up to `count` bytes from a position; none from an impossible position, as in a damaged header."""
    if not 0 <= position < 1 << 40:
        return b""
    stream.seek(position)
    return stream.read(count)


def size_of(stream: BinaryIO) -> int:
    """Returns the number of bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def after_id3(stream: BinaryIO, position: int = 0) -> int:
    """Returns the position after the ID3v2 tags that begin at a position; the position itself without tags."""
    while (head := read_at(stream, position, 10))[:3] == b"ID3" and len(head) == 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 + size + (10 if head[5] & 0x10 else 0)
    return position
