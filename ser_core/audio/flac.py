"""How the number of samples of a FLAC follows from its last frame, and where it goes if the header omits it.

    fLaC | STREAMINFO ... rate 20 bits, channels 3, width 5, samples 36, MD5 | ... | frame | frame | last frame

Format: RFC 9639. A frame stores its position, so the last one gives the length; libFLAC then checks every frame's checksum.
"""

import re
import struct
from typing import BinaryIO

from ser_core.audio.container import Container, after_id3, read_at, size_of, unknown_length

FIELD = 21
"""Where the 36 bits of the length lie in the file: the lower half of this byte and the next four."""
LARGEST_FRAME = 1 << 20
SYNC = re.compile(rb"\xff[\xf8\xf9]")
BLOCKS = {1: 192, **{code: 576 << (code - 2) for code in range(2, 6)}, **{code: 256 << (code - 8) for code in range(8, 16)}}


def inspect_flac(stream: BinaryIO) -> Container:
    """Completes a header without a length, and rejects one that promises more samples than exist."""
    head, begin, size = read_at(stream, 0, 42), 0, size_of(stream)
    if head.startswith(b"ID3"):
        begin = after_id3(stream)
        head = read_at(stream, begin, 42)
    if len(head) < 42 or head[:4] != b"fLaC" or head[4] & 0x7F:
        return Container()
    promised = int.from_bytes(head[FIELD : FIELD + 5], "big") & (1 << 36) - 1
    held = _samples(stream, head, begin, size)
    if held is None:
        return Container(damage="empty: no audio frames") if not promised else Container()
    if promised > held:
        return Container(damage=f"truncated: the header promises {promised} samples, its frames end at {held}")
    if promised == held:
        return Container()
    patched = bytearray(head)
    struct.pack_into(">BI", patched, FIELD, patched[FIELD] & 0xF0 | held >> 32, held & 0xFFFFFFFF)
    doubt = f"the header gives {promised} samples, but there are {held}" if promised else "the header gives no number of samples"
    return Container(doubt=unknown_length(doubt), pieces=[[bytes(patched), (begin + 42, size)]], frames=held)


def _samples(stream: BinaryIO, head: bytes, begin: int, size: int) -> int | None:
    """Returns the end of the last frame in samples; None if there is no frame."""
    block, largest = int.from_bytes(head[8:10], "big"), int.from_bytes(head[15:18], "big")
    reach = min(size - begin, largest + 16 if largest else 1 << 14)
    while True:
        tail = read_at(stream, size - reach, reach)
        for position in reversed([match.start() for match in SYNC.finditer(tail)]):
            if (end := _end_of(tail[position : position + 16], block, head)) is not None:
                return end
        if reach in (size - begin, LARGEST_FRAME):
            return None
        reach = min(size - begin, LARGEST_FRAME)


def _end_of(frame: bytes, block: int, head: bytes) -> int | None:
    """Returns the end of a frame in samples from its header; None if these bytes are no header of this stream."""
    if len(frame) < 6 or frame[1] & 0xFE != 0xF8 or frame[3] & 1 or frame[2] >> 4 == 0 or frame[2] & 15 == 15:
        return None
    channels, coded = (head[20] >> 1 & 7) + 1, frame[3] >> 4
    if coded > 10 or channels != (coded + 1 if coded < 8 else 2):
        return None
    length = 8 - (frame[4] ^ 0xFF).bit_length() if frame[4] & 0x80 else 1
    if (length == 1 and frame[4] & 0x80) or length > 7 or len(frame) < 4 + length:
        return None
    number = frame[4] if length == 1 else frame[4] & (0x7F >> length)
    for byte in frame[5 : 4 + length]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    after = 4 + length
    code, rate = frame[2] >> 4, frame[2] & 15
    extra = {6: 1, 7: 2}.get(code, 0)
    samples = int.from_bytes(frame[after : after + extra], "big") + 1 if extra else BLOCKS[code]
    after += extra + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if len(frame) <= after or _crc8(frame[:after]) != frame[after]:
        return None
    return (number if frame[1] & 1 else number * block) + samples


def _crc8(content: bytes) -> int:
    """Returns the checksum over a frame's header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ 0x107 if crc & 0x80 else crc << 1
    return crc
