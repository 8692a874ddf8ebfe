"""What the text channel of a corpus holds, by `corpus.text`, and how texts are read from a separate file.

gold      as transcribed, annotators' tags kept         plain     the same without tags
column    the column `text` of corpus.text_file         none      nothing
A corpus of acted sentences has `sentence` instead of gold and plain, because the acted sentence is also the spoken one.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ser_core.corpus.release import file_name
from ser_core.corpus.texts import without_tags
from ser_core.corpus.user_tables import UserTable, read_user_table
from ser_core.corpus.user_tables.cell_values import counted, without_absent
from ser_core.corpus.user_tables.column_names import likely
from ser_core.corpus.user_tables.faults import listed, name_list, quoted
from ser_core.errors import CorpusError, SettingError

TEXTS = ("gold", "plain", "column", "none")
"""Values of the setting `text` if a corpus has transcripts."""
TRANSCRIBED = ("gold", "plain")


def check_text_file(text: str, text_file: str) -> None:
    """Raises SettingError for a text file that would not be read."""
    if text_file and text != "column":
        raise SettingError(f"corpus.text_file needs corpus.text=column, got {text!r}; set that, or remove corpus.text_file")


def with_text(corpus: str, table: pd.DataFrame, text: str, text_file: str, source: str) -> tuple[pd.DataFrame, str, list[str]]:
    """Returns the table with the text of `corpus.text`, the card's words for its source, and notices.

    The column `text` holds the transcripts as written; `source` says who wrote them. Raises CorpusError for a text file
    that cannot be used.
    """
    if text == "column":
        return with_text_file(corpus, table, text_file)
    if text == "none":
        return table.assign(text=""), "none", []
    texts = [without_tags(each) if text == "plain" else each for each in table["text"]]
    return table.assign(text=texts), f"{text} {source}, {texts.count('')} empty", []


def with_text_file(corpus: str, table: pd.DataFrame, text_file: str) -> tuple[pd.DataFrame, str, list[str]]:
    """Returns the table with the texts of a file with the columns `text` and `utterance` (or `file`).

    Every utterance needs a row. Its text may be empty, for example when a recogniser finds no words. Rows of other utterances
    (those that the label scheme drops) are skipped and counted. Raises CorpusError otherwise.
    """
    if not text_file:
        raise CorpusError(f"corpus {corpus}: corpus.text=column needs its file: add corpus.text_file=FILE.csv (or .parquet)")
    rows = named_rows(corpus, text_file, "corpus.text_file", ["text"])
    rows.cells["text"], absent = without_absent("text", rows.column("text"))
    chosen, others = match_rows(corpus, table, rows, "text")
    passed = f", {len(others)} rows of other utterances passed over" if others else ""
    notices = [*rows.notices, *(f"{rows.file.name}: {one}" for one in counted("text", absent))]
    return table.assign(text=chosen), f"column text of {rows.file.name}, {chosen.count('')} empty{passed}", notices


def named_rows(corpus: str, place: str, setting: str, columns: Sequence[str] = ()) -> UserTable:
    """Reads a table that names utterances in a column `utterance` or `file`. `setting` is the setting that gave the path.

    Raises CorpusError if it does not exist, cannot be read, or lacks both columns or one of `columns`.
    """
    file = Path(place)
    if not file.is_file():
        raise CorpusError(f"corpus {corpus}: no file {file}; correct {setting}")
    rows = read_user_table(file)
    if rows.names and not {"utterance", "file"}.intersection(rows.names):
        both = " (or file)" if columns else " or file"
        near = next(filter(None, (likely(name, rows.names) for name in ("utterance", "file"))), "")
        meant = f"; did you mean {near}? then rename it" if near else ""
        more = f"the columns utterance{both} and {', '.join(columns)}" if columns else f"a column utterance{both}"
        rows.faults.add(f"needs {more}; it has {name_list(rows.names)}{meant}")
    elif rows.names:
        rows.need(columns)
    rows.raise_faults(corpus)
    return rows


def match_rows(corpus: str, table: pd.DataFrame, rows: UserTable, column: str) -> tuple[list[str], list[str]]:
    """Returns the cells of a column of `rows` for every utterance of the table, and the names of unknown utterances.

    Ignores folder and suffix of a `file`. Raises CorpusError for an utterance without a row, and for a duplicate name.
    """
    key = next(column for column in ("utterance", "file") if column in rows.cells)
    given, written = rows.column(key).tolist(), rows.column(column).tolist()
    if key == "file":
        given = [file_name(name) for name in given]
    names = _names(corpus, table, key, str(rows.file))
    again = pd.Series(given, dtype=object).duplicated().to_numpy(bool)
    if again.any():
        twice = sorted({given[row] for row in np.flatnonzero(again)})
        where = listed((f"{rows.at(int(row))} {quoted(given[row])}" for row in np.flatnonzero(again)), int(again.sum()))
        rows.faults.add(f"has {len(twice)} names more than once, first {twice[0]} ({where})")
    cells = dict(zip(given, written, strict=True))
    others = sorted(set(cells) - set(names))
    if absent := sorted(set(names) - set(cells)):
        unknown = f"; {len(others)} of its rows name no utterance of this corpus, first {others[0]}" if others else ""
        rows.faults.add(
            f"has no row for {len(absent)} of {len(names)} utterances, first {absent[0]}{unknown}; "
            "add them, with an empty text if there is none"
        )
    rows.raise_faults(corpus)
    return [cells[name] for name in names], others


def _names(corpus: str, table: pd.DataFrame, key: str, place: str) -> list[str]:
    """Returns the names of the table's utterances in such a file."""
    if key == "utterance":
        return [str(name) for name in table["utterance"]]
    stems = [file_name(file) for file in table["file"]]
    if len(set(stems)) < len(stems):
        raise CorpusError(f"corpus {corpus}: several utterances share a file name, so {place} needs a column utterance")
    return stems
