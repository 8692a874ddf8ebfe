"""Keeps the features on disk within a budget: those of encoders and settings that were not used for the longest go first.

    <store>/features/<encoder and audio settings>/settings.json      its modification time: when they were last used
What goes is extracted again when it is asked for. Whoever reads a shard at that moment keeps it, since its file is open.
"""

import contextlib
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

GIGABYTE = 1e9
_IN_USE: set[Path] = set()
"""Folders that this process reads."""


def mark_used(place: Path) -> None:
    """Notes that the features of this folder are in use."""
    _IN_USE.add(place)
    place.mkdir(parents=True, exist_ok=True)  # should another process have deleted it a moment ago
    with contextlib.suppress(FileNotFoundError):
        os.utime(place / "settings.json")


def make_room(features: Path, budget_gb: float) -> list[Path]:
    """Deletes folders of features until all of them take `budget_gb` at most (0: no bound), and returns what went.

    What this process uses stays whatever it takes, and so does what another process is extracting into.
    """
    if not budget_gb:
        return []
    places = sorted((file.parent for file in features.glob("*/settings.json")), key=_last_used)
    sizes = {place: sum(file.stat().st_size for file in place.glob("*.safetensors")) for place in places}
    gone: list[Path] = []
    for place in places:
        if sum(sizes.values()) <= budget_gb * GIGABYTE:
            break
        if place not in _IN_USE and _deleted(place):
            gone.append(place)
            sizes.pop(place)
    return gone


def _last_used(place: Path) -> float:
    return (place / "settings.json").stat().st_mtime


def _deleted(place: Path) -> bool:
    """Deletes the folder, unless somebody is extracting into it."""
    lock = FileLock(place / "extracting.lock")
    try:
        with lock.acquire(timeout=0):
            shutil.rmtree(place)
    except Timeout:
        return False
    return True
