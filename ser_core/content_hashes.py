"""SHA-256 of files, cached by path, size and modification time, so that a second run reads none of them.

    contents.json   {"/data/03a01Fa.flac": [71234, 1730000000000000000, "9f86d081884c7d65...", 2], ...}

If a kind of file is now decoded differently, its hash changes too, so everything derived from it is computed again.
The cache is only an optimisation: processes that write it at the same time may lose entries, which costs another hash.
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
"""Increased by one when the hash of a file changes; older cache entries are then ignored."""
DECODED_ANEW = dict.fromkeys((b"ID3", b"RF64", *(bytes((255, byte)) for byte in (226, 227, 242, 243, 250, 251))), "2")
"""Version of the decoding of a kind of file, by the first bytes of the file: MP3 and RF64, which used to be cut silently."""


def content_hashes(files: Iterable[Path | str], cache: Path, progress: bool = False) -> dict[str, str]:
    """Returns the first 32 hex digits of each file's SHA-256, by the path as given; "" for a file that cannot be read.

    `cache` is the folder of `contents.json`. It is created if it does not exist.
    """
    known = _known(cache / NAME)
    hashes: dict[str, str] = {}
    fresh: dict[str, list[int | str]] = {}
    for file in track(list(dict.fromkeys(str(file) for file in files)), "hashing", progress):
        try:
            place, state = str(Path(file).absolute()), Path(file).stat()
            if not stat.S_ISREG(state.st_mode):  # opening a named pipe would block
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
        write_atomically(cache / NAME, json.dumps(_known(cache / NAME) | fresh))
    return hashes


def file_hash(file: Path | str) -> str:
    """Returns the first 32 hex digits of the SHA-256 of a file's bytes and decoding. Raises OSError if it cannot be read."""
    with Path(file).open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256")
    digest.update("".join(edition for sign, edition in DECODED_ANEW.items() if head.startswith(sign)).encode())
    return digest.hexdigest()[:DIGITS]


def joint_hash(hashes: Iterable[str]) -> str:
    """Returns one hash over many, independent of their order: `joint_hash(content_hashes(...).values())` for a corpus card.

    >>> joint_hash(["b", "a"]) == joint_hash(["a", "b"]) != joint_hash(["ab"])
    True
    """
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:DIGITS]


def write_atomically(file: Path, content: str | bytes) -> None:
    """Writes a file completely or not at all, even if other processes read or write it at the same time."""
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    draft.replace(file)


def _known(file: Path) -> dict[str, list[int | str]]:
    """Returns the cached hashes; {} if the cache is missing or damaged, because it can be rebuilt."""
    try:
        known = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
