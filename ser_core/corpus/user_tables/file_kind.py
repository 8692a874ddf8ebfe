"""How a file is identified by its first bytes and not by its name: a table, or something else with a remedy.

PAR1...  Parquet        1f 8b...  gzip, unpacked first        anything not listed below  text
"""

import io
import zipfile
import zlib
from pathlib import Path

from ser_core.errors import CorpusError

MOST_BYTES = 2**31
"""Maximum size of a table, also after unpacking. A larger file is no table of utterances, or a gzip bomb."""
LFS = b"version https://git-lfs"
OTHERS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls); save the sheet as CSV UTF-8",
    b"%PDF-": "a PDF document; the table must be CSV or Parquet",
    b"\x89PNG": "a picture; the table must be CSV or Parquet",
    b"\xff\xd8\xff": "a picture; the table must be CSV or Parquet",
    b"GIF8": "a picture; the table must be CSV or Parquet",
    b"RIFF": "audio; corpus.path and its like name the table, and the table's column file names the audio",
    b"fLaC": "audio; corpus.path and its like name the table, and the table's column file names the audio",
    b"OggS": "audio; corpus.path and its like name the table, and the table's column file names the audio",
    b"ID3": "audio; corpus.path and its like name the table, and the table's column file names the audio",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"ARROW1": "an Arrow (Feather) file; save it as Parquet: pandas.read_feather(FILE).to_parquet(...)",
    b"FEA1": "a Feather file; save it as Parquet: pandas.read_feather(FILE).to_parquet(...)",
    b"ORC": "an ORC file; save it as Parquet or CSV",
    b"\x89HDF": "an HDF5 file; save the table as Parquet or CSV",
    b"\x93NUMPY": "a NumPy array; save the table as Parquet or CSV",
    b"\x80\x02": "a pickle, which is never opened since it can run code; save the table as Parquet or CSV",
    b"\x80\x03": "a pickle, which is never opened since it can run code; save the table as Parquet or CSV",
    b"\x80\x04": "a pickle, which is never opened since it can run code; save the table as Parquet or CSV",
    b"\x80\x05": "a pickle, which is never opened since it can run code; save the table as Parquet or CSV",
    b"BZh": "packed with bzip2; unpack it first",
    b"\xfd7zXZ": "packed with xz; unpack it first",
    b"7z\xbc\xaf": "packed with 7-Zip; unpack it first",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it first",
    b"Rar!": "packed with RAR; unpack it first",
    b"$FL2": "an SPSS file; export the table as CSV",
    b"RDX": "R's own format; save the table with write.csv",
}
PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


def table_bytes(file: Path) -> bytes:
    """Returns the bytes of the table's file, unpacked if it is gzip.

    Raises CorpusError for a file that cannot be read, is empty or too large, or is not a table.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise CorpusError(f"{file}: {file.stat().st_size:,} bytes are too many for a table of utterances; name the table")
        content = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read: {error.strerror or error}") from None
    if content.startswith(b"\x1f\x8b"):
        content = _unpacked(file, content)
    if reason := _not_a_table(content):
        raise CorpusError(f"{file}: {reason}")
    return content


def is_parquet(content: bytes) -> bool:
    """Whether these bytes are Parquet, intact or not."""
    return content.startswith(b"PAR1")


def _unpacked(file: Path, content: bytes) -> bytes:
    """Unpacks a gzip file. Raises CorpusError if it is damaged or too large."""
    unpacked, packed = io.BytesIO(), content
    try:
        while packed:
            stream = zlib.decompressobj(wbits=31)
            unpacked.write(stream.decompress(packed, MOST_BYTES - unpacked.tell()))
            if stream.unconsumed_tail:
                raise CorpusError(f"{file}: holds more than {MOST_BYTES:,} bytes once unpacked")
            if not stream.eof:
                raise CorpusError(f"{file}: the gzip file is cut off; copy it again")
            packed = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise CorpusError(f"{file}: the gzip file is damaged ({error}); copy it again") from None
    return unpacked.getvalue()


def _not_a_table(content: bytes) -> str:
    """Explains why these bytes are no table, with the remedy; "" if they may be one."""
    head = content[:1024]
    if not content:
        return "is empty (0 bytes); copy or export the table again"
    if head.startswith(LFS):
        return "is a Git LFS pointer and not the table itself; fetch it with: git lfs pull"
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(content)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES):
        return "is a web page (HTML or XML) and not a table; download the file itself, perhaps after logging in"
    if not content.strip(b"\0"):
        return "holds only NUL bytes; copy it again"
    binary = min(head) < 9 or not head[:4].isascii() or head.startswith(b"%PDF-")
    return next((f"is {kind}" for start, kind in OTHERS.items() if binary and head.startswith(start)), "")


def _in_zip(content: bytes) -> str:
    """Names the kind of a zip file, with the remedy."""
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile:
        return "is a damaged zip file; copy it again and unpack it"
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        return "is an Excel workbook; save the sheet as CSV: File, Save As, CSV UTF-8"
    if "content.xml" in names:
        return "is a LibreOffice document; save the sheet as CSV: File, Save As, Text CSV, UTF-8"
    return f"is a zip file with {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}; unpack it and name the table in it"
