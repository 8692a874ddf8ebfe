"""What a container says about where its audio ends, and whether that can be believed.

    file --magic--> chunked.py (WAV, RF64, W64, AIFF, AU, CAF, NIST)  mpeg.py (MP3)  flac.py  ogg.py --> Container

Writers that cannot go back (a pipe, a recorder that lost power) leave a length out or put a figure in its place. Then the
audio is intact, and libsndfile guesses or refuses; so the length is counted here and handed to libsndfile in a header that
says it. A container that says its length and holds less is damaged.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import BinaryIO

from ser_core.audio.virtual_file import Part


@dataclasses.dataclass(frozen=True)
class Container:
    """What was found in a file before anything of it is decoded."""

    damage: str = ""
    """Why it cannot be used; "" where nothing speaks against it."""
    doubt: str = ""
    """Why a cut would not show; "" where it would."""
    pieces: Sequence[Sequence[Part]] = ()
    """What libsndfile reads, one after the other, in place of the file; () for the file as it is."""
    frames: int = 0
    """How many frames the pieces have, where they were counted; 0 where not."""


def unknown_length(why: str) -> str:
    """A doubt, as a sentence: every one begins alike, so that they can be counted."""
    return f"length unknown: {why}, so a cut would not show"


def read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    """Up to `count` bytes from a position on; none from one that no file has, as a damaged header may name."""
    if not 0 <= position < 1 << 40:
        return b""
    stream.seek(position)
    return stream.read(count)


def size_of(stream: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def after_id3(stream: BinaryIO, position: int = 0) -> int:
    """The position after the ID3v2 tags that begin at a position: itself where none does."""
    while (head := read_at(stream, position, 10))[:3] == b"ID3" and len(head) == 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 + size + (10 if head[5] & 0x10 else 0)
    return position
