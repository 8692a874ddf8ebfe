"""A file assembled from bytes in memory and ranges of a real file, read without copying the real one.

[corrected header][bytes 144 to 9000 of speech.mp3]      what libsndfile reads
"""

import bisect
import itertools
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

Range = tuple[int, int]
"""First byte of the real file and the byte after the last."""
Part = bytes | Range


class VirtualFile:
    """Implements what soundfile needs of a file-like object: seek, tell, readinto.

    Reading never raises, because libsndfile calls it from C, where an exception would get lost. If the real file has lost
    bytes, they are missing, and the frame count reveals it.
    """

    def __init__(self, path: str | os.PathLike[str], parts: Sequence[Part]) -> None:
        self._stream = open(path, "rb")  # noqa: SIM115, PTH123 (closed by __exit__)
        self._parts = [part for part in parts if _size(part)]
        self._begins = [0, *itertools.accumulate(_size(part) for part in self._parts)]
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._begins[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the file reaches and returns the number of bytes."""
        target, filled = memoryview(buffer).cast("B"), 0
        while filled < len(target) and self._position < self._begins[-1]:
            number = bisect.bisect_right(self._begins, self._position) - 1
            got = self._copy(self._parts[number], self._position - self._begins[number], target[filled:])
            if not got:
                break
            filled += got
            self._position += got
        return filled

    def _copy(self, part: Part, offset: int, target: memoryview) -> int:
        count = min(len(target), _size(part) - offset)
        if isinstance(part, bytes):
            target[:count] = part[offset : offset + count]
            return count
        try:
            self._stream.seek(part[0] + offset)
            return self._stream.readinto(target[:count])
        except OSError:
            return 0

    def __enter__(self) -> "VirtualFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()


def _size(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]
