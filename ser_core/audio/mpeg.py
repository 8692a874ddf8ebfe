"""How the frames of an MPEG audio stream are counted one by one, and the header that states the count if its own does not.

    ID3v2 | Xing, Info or VBRI: number of frames, delay | frame | frame | ... | ID3v1, APE

Without that header, libsndfile extrapolates from the size of the first frames (libsndfile issue 1001): it reads too little of
MP3s with a variable bitrate and expects too much of others. So libsndfile gets the stream with a header made here.
"""

import struct
from typing import BinaryIO, NamedTuple

from ser_core.audio.container import Container, after_id3, read_at, unknown_length

KBPS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bitrates by version (1, or 2 for 2 and 2.5) and layer; layers 2 and 3 of version 2 share them."""
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
DECODER_DELAY = 529
"""Delay of every layer 3 decoder, in samples."""
IN_A_ROW = 3
"""Number of consecutive headers, each at the position that the previous one gives, that cannot be a coincidence."""
SEARCHED = 1 << 20
"""How far into a file the first frame is searched for, and the next one after damage."""


class Frame(NamedTuple):
    """The content of the four bytes before each frame."""

    size: int
    samples: int
    kind: tuple[int, int, int]
    """Version, layer and rate: constant within a stream."""
    mono: bool
    summed: bool
    """Whether a two-byte checksum follows the header."""


class Header(NamedTuple):
    """The first frame of many files: no sound, only information from the encoder."""

    frames: int
    delay: int
    """Samples that the encoder put before the first one; -1 if unknown."""
    size: int


class Walk(NamedTuple):
    """The frames of a stream, counted."""

    frames: int
    end: int
    """Position after the last whole frame."""
    cut: bool
    """Whether the last frame is incomplete."""
    strange: int = -1
    """First position between two frames that is neither a frame nor a tag; -1 if there is none."""


def inspect_mpeg(stream: BinaryIO, begin: int, size: int) -> Container:
    """Counts the frames between two positions, and completes or replaces a header that does not state this number."""
    first = _sync(stream, after_id3(stream, begin), size, None)
    if first is None:
        return Container(damage="undecodable: no MPEG audio frames")
    head = read_at(stream, first, 256)
    frame = frame_of(head)
    assert frame is not None
    header = _header(head, frame)
    audio = first + header.size if header else first
    walk = _walk(stream, audio, size, frame)
    declared = header.frames if header else 0
    if walk.strange >= 0:
        return Container(damage=f"damaged: there is no MPEG audio frame at byte {walk.strange}")
    if not walk.frames:
        return Container(
            damage="truncated: no MPEG audio frame is complete" if walk.cut or declared else "empty: no audio frames"
        )
    if declared and walk.frames < declared - 1:
        return Container(damage=f"truncated: the header promises {declared} MPEG frames, the file holds {walk.frames}")
    if walk.cut and walk.frames < (declared or walk.frames + 1):
        return Container(damage="truncated: the last MPEG frame is cut")
    if declared == walk.frames:
        return Container() if first == after_id3(stream) else Container(pieces=[[(first, walk.end)]])
    why = (
        f"the header counts {declared} MPEG frames, but there are {walk.frames}"
        if declared
        else "no header counts its MPEG frames"
    )
    delay = header.delay if header else -1
    made = made_header(head, walk.frames, delay) if frame.kind[1] == 3 else b""
    skipped = delay + DECODER_DELAY if delay >= 0 else 0
    return Container("", unknown_length(why), [[made, (audio, walk.end)]], walk.frames * frame.samples - skipped)


def frame_of(head: bytes) -> Frame | None:
    """Returns the frame that these bytes begin; None if they begin none, or one of free bitrate, which has no size."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return None
    hertz = RATES[version][rate]
    kbps = KBPS[(1, layer) if version == 3 else (2, min(layer, 2))][bits]
    padding = head[2] >> 1 & 1
    if layer == 1:
        size, samples = (12_000 * kbps // hertz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        size = samples // 8 * 1000 * kbps // hertz + padding
    return Frame(size, samples, (version, layer, hertz), head[3] >> 6 == 3, not head[1] & 1)


def made_header(head: bytes, frames: int, delay: int) -> bytes:
    """Makes a frame like the layer 3 frame in `head`, with the number of frames instead of sound.

    mpg123 drops `delay` samples and its own DECODER_DELAY from the beginning. If the encoder states no delay (-1), nothing may
    be dropped, so an extra silent frame follows that is dropped instead.
    """
    start = bytearray(head[:4])
    start[1] |= 1  # no checksum
    start[2] = 0xE0 | start[2] & 0x0C  # the highest bitrate has room for all fields
    frame = frame_of(bytes(start))
    assert frame is not None
    silence = bytes(start).ljust(frame.size, b"\0") if delay < 0 else b""
    dropped = (frame.samples - DECODER_DELAY if delay < 0 else delay) << 12
    fields = b"Info" + struct.pack(">II", 1, frames + bool(silence)) + b"LAME3.100" + bytes(12) + dropped.to_bytes(3, "big")
    return (bytes(start) + bytes(_side(frame)) + fields).ljust(frame.size, b"\0") + silence


def _side(frame: Frame) -> int:
    """Returns the bytes between a header and the sound, where Xing's fields begin."""
    return {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[frame.kind[0] == 3, frame.mono]


def _header(head: bytes, frame: Frame) -> Header | None:
    """Returns what the first frame states about the others; None if it holds sound."""
    for place in {4 + _side(frame), 4 + _side(frame) + 2 * frame.summed}:
        if head[place : place + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(head[place + 4 : place + 8], "big")
            frames = int.from_bytes(head[place + 8 : place + 12], "big") if flags & 1 else 0
            after = place + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
            delay = int.from_bytes(head[after + 21 : after + 24], "big") >> 12 if head[after : after + 1].strip(b"\0") else -1
            return Header(frames, delay, frame.size)
    if head[36:40] == b"VBRI":
        return Header(int.from_bytes(head[50:54], "big"), -1, frame.size)
    return None


def _walk(stream: BinaryIO, position: int, size: int, like: Frame) -> Walk:
    """Walks from header to header and skips tags in between. Anything else is strange, unless no frame follows."""
    frames, end = 0, position
    while position < size:
        head = read_at(stream, position, 16)
        frame = frame_of(head)
        if frame and frame.kind == like.kind:
            if position + frame.size > size:
                return Walk(frames, end, True)
            frames, position = frames + 1, position + frame.size
            end = position
        elif tag := _tag(stream, position, head):
            position += tag
        else:
            if size - position < 4 and head[:1] == b"\xff":
                return Walk(frames, end, True)
            following = _sync(stream, position + 1, size, like)
            if following is None:
                break
            return Walk(frames, end, False, position)
    return Walk(frames, end, False)


def _tag(stream: BinaryIO, position: int, head: bytes) -> int:
    """Returns the size of the tag, or of the zeros, that begin here; 0 without either."""
    if head[:3] == b"ID3":
        return after_id3(stream, position) - position
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX":
        tag = read_at(stream, position, 24)
        return int.from_bytes(tag[12:16], "little") + (32 if int.from_bytes(tag[20:24], "little") >> 29 & 1 else 0)
    if head[:11] == b"LYRICSBEGIN":
        return read_at(stream, position, 1 << 16).find(b"LYRICS200") + 9
    zeros = read_at(stream, position, 1 << 16)
    return len(zeros) - len(zeros.lstrip(b"\0"))


def _sync(stream: BinaryIO, position: int, size: int, like: Frame | None) -> int | None:
    """Returns the first position from here with several consecutive frames, or with a last frame that ends the stream."""
    searched = read_at(stream, position, min(SEARCHED, size - position))
    offset = searched.find(b"\xff")
    while offset >= 0:
        frame = frame_of(searched[offset : offset + 4])
        if frame and (like is None or frame.kind == like.kind):
            row = _row(stream, position + offset, size, frame)
            if row == IN_A_ROW or (row and (like or not offset)):
                return position + offset
        offset = searched.find(b"\xff", offset + 1)
    return None


def _row(stream: BinaryIO, position: int, size: int, like: Frame) -> int:
    """Counts the consecutive frames of one kind from here, up to IN_A_ROW; 0 if they end in the middle of the stream."""
    for number in range(1, IN_A_ROW + 1):
        position += like.size
        head = read_at(stream, position, 4)
        following = frame_of(head)
        if position >= size or head[:3] in (b"ID3", b"TAG", b"APE", b"LYR"):
            return number
        if not following or following.kind != like.kind:
            return 0
        like = following
    return IN_A_ROW
