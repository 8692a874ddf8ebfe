"""SHA-256 of files, remembered by path, size and modification time, so that a second run reads none of them.

    contents.json   {"/data/03a01Fa.flac": [71234, 1730000000000000000, "9f86d081884c7d65...", 2], ...}

A file of a kind that is decoded otherwise than it used to be hashes otherwise too: what was made of it is made again.
The memory is a convenience: processes that write it at once may lose each other's entries, which costs another hash.
"""

import hashlib
import json
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

from ser_core.progress import track

NAME = "contents.json"
DIGITS = 32
HASHING = 2
"""Raised by one when a file hashes otherwise than before: what is remembered from earlier is then hashed again."""
DECODED_ANEW = dict.fromkeys((b"ID3", b"RF64", *(bytes((255, byte)) for byte in (226, 227, 242, 243, 250, 251))), "2")
"""How often the decoding of a kind of file has changed, by the file's first bytes: MP3 and RF64, which were cut in silence."""


def content_hashes(files: Iterable[Path | str], cache: Path, progress: bool = False) -> dict[str, str]:
    """SHA-256 (its first 32 hex digits) of each file, by its path as given; "" for a file that cannot be read.

    `cache` is the folder of `contents.json`; it is made where it is missing.
    """
    known = _known(cache / NAME)
    hashes: dict[str, str] = {}
    fresh: dict[str, list[int | str]] = {}
    for file in track(list(dict.fromkeys(str(file) for file in files)), "hashing", progress):
        try:
            place, state = str(Path(file).absolute()), Path(file).stat()
            if not stat.S_ISREG(state.st_mode):  # a named pipe would be waited for
                hashes[file] = ""
                continue
            entry = known.get(place)
            if entry is None or [*entry[:2], *entry[3:]] != [state.st_size, state.st_mtime_ns, HASHING]:
                entry = [state.st_size, state.st_mtime_ns, file_hash(file), HASHING]
                fresh[place] = entry
            hashes[file] = str(entry[2])
        except (OSError, ValueError):  # ValueError: a NUL in the name
            hashes[file] = ""
    if fresh:
        cache.mkdir(parents=True, exist_ok=True)
        write_whole(cache / NAME, json.dumps(_known(cache / NAME) | fresh))
    return hashes


def file_hash(file: Path | str) -> str:
    """SHA-256 of one file's bytes and of how they are decoded, its first 32 hex digits. Raises OSError if it cannot be read."""
    with Path(file).open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256")
    digest.update("".join(edition for sign, edition in DECODED_ANEW.items() if head.startswith(sign)).encode())
    return digest.hexdigest()[:DIGITS]


def joint_hash(hashes: Iterable[str]) -> str:
    """One hash over many, in whatever order they come: `joint_hash(content_hashes(...).values())` for a corpus card.

    >>> joint_hash(["b", "a"]) == joint_hash(["a", "b"]) != joint_hash(["ab"])
    True
    """
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:DIGITS]


def write_whole(file: Path, text: str) -> None:
    """Writes a small file whole or not at all, whoever reads or writes it at the same time."""
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    draft.write_text(text)
    draft.replace(file)


def _known(file: Path) -> dict[str, list[int | str]]:
    """What is remembered; nothing when the memory is missing or damaged, since it can be made again."""
    try:
        known = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
