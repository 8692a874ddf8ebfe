"""Paths of a configuration on a machine on which corpora and checkpoints lie elsewhere.

    {"/data": "/scratch/data"}:  corpus.root=/data/emodb  -->  corpus.root=/scratch/data/emodb
Paths take no part in a fold's identity, so both configurations train the same folds.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def with_places(config: Any, moves: Mapping[str, str]) -> Any:
    """Returns a configuration with each of its paths below a key of `moves` put below the key's value; the longest key counts.

    The store stays where it is.
    """
    return _with_paths(config, config, lambda place: moved(place, moves))


def with_places_of(config: Any, other: Any) -> Any:
    """Returns a configuration with the paths of another one that was composed from the same overrides, except the store."""
    return _with_paths(config, other, lambda place: place)


def _with_paths(config: Any, other: Any, change: Callable[[str], str]) -> Any:
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, wanted = getattr(config, field.name), getattr(other, field.name, None)
        if field.metadata.get("location"):
            if wanted and (config.key, field.name) != ("run", "store"):
                changed[field.name] = change(wanted)
        elif dataclasses.is_dataclass(value):
            changed[field.name] = _with_paths(value, wanted, change)
    return dataclasses.replace(config, **changed)


def moved(place: str, moves: Mapping[str, str]) -> str:
    """Returns the place of a path after the moves.

    >>> moved("/data/emodb", {"/data": "/scratch/data", "/data/ravdess": "/elsewhere"})
    '/scratch/data/emodb'
    >>> moved("/database/emodb", {"/data": "/scratch"}), moved("/home/me/../../data/emodb", {"/data": "/scratch"})
    ('/database/emodb', '/scratch/emodb')
    """
    plain = Path(os.path.normpath(place))  # `compose` keeps the dots of a relative path
    for old in sorted(moves, key=len, reverse=True):
        if plain.is_relative_to(old):
            return str(Path(moves[old], plain.relative_to(old)))
    return place
