"""Notices about a table without faults: no emotion can be learned from it, or some of its columns are not read."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ser_core.corpus.corpus import SECONDS, WORDS, Corpus, Dimension
from ser_core.corpus.labels import VOTES
from ser_core.corpus.user_tables.cell_values import to_numbers
from ser_core.corpus.user_tables.column_names import DIMENSIONS, override, shown, unread
from ser_core.corpus.user_tables.user_table import UserTable


def nothing_to_learn(corpus: Corpus) -> list[str]:
    """Explains why no emotion can be learned from this corpus, with a remedy; [] if one can.

    Rated dimensions are enough, and so are two classes.
    """
    rated = [scale.name for scale in corpus.dimensions if not np.isnan(corpus.column(scale.name)).all()]
    unrated = [f"all cells of {scale.name} are absent" for scale in corpus.dimensions if scale.name not in rated]
    labels = set(corpus.column("emotion").tolist()) - {""}
    if rated or len(labels) > 1:
        return unrated
    why = "no row has an emotion" if not labels else f"every labelled row is {next(iter(labels))!r}, and one class is not enough"
    have = "" if not corpus.dimensions else "; its dimensions have no ratings"
    remedy = (
        "add a column emotion with at least two labels, or votes.<label>, or name rated columns, for example "
        'corpus.dimensions=["valence:1:5"]; corpus.columns={label: emotion} reads a column under another name'
    )
    others = [name for name in ("gender", "speaker") if len(set(corpus.column(name).tolist()) - {""}) > 1]
    left = f" (you can still learn {' and '.join(others)})" if others else ""
    return [f"no emotion can be learned from this table: {why}{have}{left}; {remedy}"]


def unread_columns(given: UserTable, dimensions: Sequence[Dimension], mapping: Mapping[str, str]) -> list[str]:
    """Returns notices about unread columns that look known, with the override that would use them in addition to `mapping`."""
    words = look_alikes(given, dimensions)
    words = {column: ours for column, ours in words.items() if column not in mapping.values()}  # a reversed mapping
    names, ours = (", ".join(part) for part in (map(shown, words), words.values()))
    are = ("is", "it is") if len(words) == 1 else ("are", "they are")
    known = f"column{'s' * (len(words) > 1)} {names} {are[0]} not read; if {are[1]} {ours}, add {override({**mapping, **words})}"
    rated = [(column, ours) for column, ours in _unread(given, dimensions) if ours in DIMENSIONS]
    return [*([known] if words else []), *(each for column, ours in rated for each in _dimension(given, column, ours))]


def look_alikes(given: UserTable, dimensions: Sequence[Dimension], taken: Collection[str] = ()) -> dict[str, str]:
    """Returns unread columns that look like a known one, with the known name; at most one per known name not in `taken`."""
    found = {ours: column for column, ours in reversed(_unread(given, dimensions)) if ours not in {*DIMENSIONS, *taken}}
    return {column: ours for ours, column in reversed(found.items())}


def _unread(given: UserTable, dimensions: Sequence[Dimension]) -> list[tuple[str, str]]:
    """Returns unread columns that look known, each with the known name."""
    scales = [scale.name for scale in dimensions]
    have = [name for name in (*WORDS, *SECONDS) if name in given.cells]
    votes = any(name.startswith(VOTES) for name in given.names)
    raters = any(name.startswith("emotion.") for name in given.names)
    read = {*have, *scales, *(name for name in given.names if name.startswith((VOTES, "emotion.")))}
    read |= {name for name in given.names for scale in scales if name.startswith(f"{scale}.")}
    return [
        (column, ours)
        for column, ours in unread(given.names, read)
        if not (ours.startswith(VOTES) and votes)
        and not (ours.startswith("emotion.") and raters)
        and not (ours == "rater" == column)
    ]


def _dimension(given: UserTable, column: str, ours: str) -> list[str]:
    """Describes a column of ratings missing from corpus.dimensions, with its range; [] if it holds no numbers."""
    values, wrong, _, _ = to_numbers(given.column(column), given.decimal_comma)
    if len(wrong) or np.isnan(values).all():
        return []
    span = f"its values range from {np.nanmin(values):g} to {np.nanmax(values):g}"
    return [f'column {column} is not read; if it is {ours}, add corpus.dimensions=["{column}:LOW:HIGH"] with its scale ({span})']
