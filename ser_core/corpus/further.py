"""Columns beyond the schema: other texts of an utterance, and augmented versions of it.

    augmented_file    files, separated by ";"       augmented_text    texts, separated by "|"       anything else    one text
They are columns of a table corpus (corpus=table) or, for any corpus, of corpus.columns_file, which takes precedence. Relative
paths start from the folder of `file` in a table, or from the folder of corpus.columns_file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ser_core.corpus.corpus import Corpus, CorpusOption
from ser_core.corpus.text_file import match_rows, named_rows
from ser_core.errors import CorpusError

AUGMENTED_FILE, AUGMENTED_TEXT = "augmented_file", "augmented_text"
SEPARATORS = {AUGMENTED_FILE: ";", AUGMENTED_TEXT: "|"}


class FurtherColumns(NamedTuple):
    """Columns by name, with a cell for every utterance, and notices about their file."""

    cells: dict[str, list[str]]
    notices: tuple[str, ...] = ()


def further_columns(corpus: Corpus, option: CorpusOption, names: Sequence[str]) -> FurtherColumns:
    """Reads those of these columns that exist. Raises CorpusError for a file that cannot be used."""
    own = corpus.further
    found = {name: own[name].tolist() for name in names if own is not None and name in own}
    if not option.columns_file or not names:
        return FurtherColumns(found)
    place = option.columns_file
    rows = named_rows(corpus.name, place, "corpus.columns_file")
    found |= {name: match_rows(corpus.name, corpus.table, rows, name)[0] for name in names if name in rows.cells}
    if AUGMENTED_FILE in names and AUGMENTED_FILE in rows.cells:
        found[AUGMENTED_FILE] = [absolute_paths(cell, Path(place).parent) for cell in found[AUGMENTED_FILE]]
    return FurtherColumns(found, tuple(rows.notices))


def further_column(corpus: Corpus, option: CorpusOption, name: str) -> FurtherColumns:
    """Reads one column. Raises CorpusError if neither the table nor corpus.columns_file has it."""
    found = further_columns(corpus, option, [name])
    if name not in found.cells:
        names = "" if corpus.further is None else ", ".join(map(str, corpus.further))
        own = f"further columns: {names or 'none'}"
        raise CorpusError(
            f"corpus {corpus.name} has no column {name!r} ({own}); add one to its table (corpus=table), or name a CSV that "
            "has it next to a column utterance: corpus.columns_file=FILE.csv"
        )
    return found


def split_cell(cell: str, column: str) -> list[str]:
    """Splits a cell of AUGMENTED_FILE or AUGMENTED_TEXT.

    >>> split_cell("a.wav; b.wav;", "augmented_file"), split_cell("", "augmented_text")
    (['a.wav', 'b.wav'], [])
    """
    return [part.strip() for part in cell.split(SEPARATORS[column]) if part.strip()]


def absolute_paths(cell: object, folder: Path) -> str:
    """Makes the paths in a cell of AUGMENTED_FILE absolute; a missing cell becomes "".

    >>> absolute_paths("a.wav;/far/b.wav", Path("/near")), absolute_paths(None, Path("/near"))
    ('/near/a.wav;/far/b.wav', '')
    """
    separator = SEPARATORS[AUGMENTED_FILE]
    given = cell if isinstance(cell, str) else ""
    return separator.join(str((folder / part).absolute()) for part in split_cell(given, AUGMENTED_FILE))
