"""How the text of a table is decoded: UTF-8, UTF-16 or UTF-32, and Windows-1252 as the last resort, with a notice.

A byte order mark decides. Without one, many NUL bytes on one side of each pair mean UTF-16, and valid UTF-8 is UTF-8.
"""

import codecs
import re
from pathlib import Path

from ser_core.errors import CorpusError

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The mark of UTF-32 begins with that of UTF-16, so UTF-32 comes first."""
MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def decode(file: Path, content: bytes) -> tuple[str, list[str]]:
    """Returns the text and notices about its decoding. Raises CorpusError if no encoding fits.

    Windows-1252 has a character for nearly every byte, so it fits nearly everything. A file that is mostly UTF-8 is
    therefore a damaged file, not one in Windows-1252.
    """
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "")
    encoding = marked or _unmarked_utf16(content) or "utf-8"
    try:
        return _without_nul(file, content.decode(encoding)), []
    except UnicodeDecodeError as error:
        place = f"line {_line(content, error.start, encoding)}"
        wrong = f"byte 0x{content[error.start]:02x}" if error.start < len(content) else "the end"
    if encoding != "utf-8":
        raise CorpusError(f"{file}: {place}: the file begins as {encoding}, but {wrong} does not fit; save it again as UTF-8")
    if min(content[:4096]) < 9:
        raise CorpusError(f"{file}: {place}: is neither text nor Parquet, but binary data; save the table as CSV or Parquet")
    good = len(MULTIBYTE.findall(content))
    bad = len(re.findall(rb"[\x80-\xff]", MULTIBYTE.sub(b"", content)))
    if good and good >= bad:
        raise CorpusError(f"{file}: {place}: {wrong} is not UTF-8, although the rest of the file is; save it again as UTF-8")
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        line = _line(content, error.start, "cp1252")
        raise CorpusError(
            f"{file}: line {line}: byte 0x{content[error.start]:02x} fits neither UTF-8 nor Windows-1252; save the file as UTF-8"
        ) from None
    example = next(word for word in re.findall(r"[^\s,;\"]+", text) if not word.isascii())[:40]
    return _without_nul(file, text), [
        f"{file.name} is not UTF-8 and is read as Windows-1252; if {example!r} ({place}) looks wrong, save the file as UTF-8"
    ]


def _unmarked_utf16(content: bytes) -> str:
    """Returns the text of unmarked UTF-16; "" if these bytes are something else."""
    head = content[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(content) % 2 or max(even, odd) < 0.3 * len(head) / 2 or min(even, odd) > 0.1 * max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _without_nul(file: Path, text: str) -> str:
    """Returns the text. Raises CorpusError for NUL bytes, which no table has and which would end a file's name."""
    if (place := text.find("\0")) >= 0:
        line = text.count("\n", 0, place) + 1
        raise CorpusError(f"{file}: line {line}: a NUL byte, so the file is damaged or not text; copy or export it again")
    return text


def _line(content: bytes, place: int, encoding: str) -> int:
    """Returns the line of a byte."""
    before = content[:place]
    return (before.decode(encoding, "ignore").count("\n") if encoding.startswith("utf-") else before.count(b"\n")) + 1
