"""How the features on disk stay within a budget: the least recently used encoders and settings are deleted first.

    <store>/features/<encoder and audio settings>/settings.json      its modification time: when they were last used
Deleted features are extracted again on demand. A process that is reading a shard keeps it, because its file is open.
"""

import contextlib
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

GIGABYTE = 1e9
_IN_USE: set[Path] = set()
"""Folders that this process is reading."""


def mark_used(place: Path) -> None:
    """Records that the features of this folder are in use."""
    _IN_USE.add(place)
    place.mkdir(parents=True, exist_ok=True)  # another process may just have deleted it
    with contextlib.suppress(FileNotFoundError):
        os.utime(place / "settings.json")


def folders_in_use() -> list[Path]:
    """Returns the folders of features that this process has used, sorted."""
    return sorted(_IN_USE)


def make_room(features: Path, budget_gb: float) -> list[Path]:
    """Deletes folders of features until the rest takes at most `budget_gb` (0: no limit), and returns the deleted ones.

    Never deletes what this process uses or what another process is extracting into.
    """
    if not budget_gb:
        return []
    places = sorted((file.parent for file in features.glob("*/settings.json")), key=_last_used)
    sizes = {place: sum(file.stat().st_size for file in place.glob("*.safetensors")) for place in places}
    gone: list[Path] = []
    for place in places:
        if sum(sizes.values()) <= budget_gb * GIGABYTE:
            break
        # Features that this process reads later would otherwise disappear between two calls.
        if place not in _IN_USE and _deleted(place):
            gone.append(place)
            sizes.pop(place)
    return gone


def _last_used(place: Path) -> float:
    return (place / "settings.json").stat().st_mtime


def _deleted(place: Path) -> bool:
    """Deletes the folder, unless a process is extracting into it."""
    lock = FileLock(place / "extracting.lock")
    try:
        with lock.acquire(timeout=0):
            shutil.rmtree(place)
    except Timeout:
        return False
    return True
