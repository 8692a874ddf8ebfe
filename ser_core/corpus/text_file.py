"""What the text channel of a corpus holds, by `corpus.text`, and the texts of a file that lies elsewhere.

gold      as transcribed, annotators' tags kept         plain     the same without tags
column    the column `text` of corpus.text_file         none      nothing
A corpus of acted sentences has `sentence` in place of gold and plain: what was acted was also what was said.
"""

from collections import Counter
from pathlib import Path

import pandas as pd

from ser_core.corpus.release import file_name, read_table
from ser_core.corpus.texts import without_tags
from ser_core.errors import CorpusError, SettingError

TEXTS = ("gold", "plain", "column", "none")
"""Values of the knob `text` where a corpus has transcripts."""
TRANSCRIBED = ("gold", "plain")


def check_text_file(text: str, text_file: str) -> None:
    """Raises SettingError for a text file that nobody would read."""
    if text_file and text != "column":
        raise SettingError(f"corpus.text_file is read with corpus.text=column, got {text!r}; choose that, or leave the file out")


def with_text(corpus: str, table: pd.DataFrame, text: str, text_file: str, source: str) -> tuple[pd.DataFrame, str]:
    """The table with the text that `corpus.text` asks for, and the card's words for where it comes from.

    The column `text` holds the transcripts as written; `source` says whose they are. Raises CorpusError for a text file
    that cannot be used.
    """
    if text == "column":
        return with_text_file(corpus, table, text_file)
    if text == "none":
        return table.assign(text=""), "none"
    texts = [without_tags(each) if text == "plain" else each for each in table["text"]]
    return table.assign(text=texts), f"{text} {source}, {texts.count('')} empty"


def with_text_file(corpus: str, table: pd.DataFrame, text_file: str) -> tuple[pd.DataFrame, str]:
    """The table with the texts of a CSV or Parquet file: columns `text` and `utterance`, or `file` in its place.

    Every utterance must have a row, whose text may be empty, as a recogniser's is where it hears no word. Rows of other
    utterances (those that the label scheme drops) are passed over and counted. Raises CorpusError otherwise.
    """
    if not text_file:
        raise CorpusError(f"corpus {corpus}: corpus.text=column needs its file: add corpus.text_file=FILE.csv (or .parquet)")
    rows = named_rows(corpus, text_file, "corpus.text_file")
    if "text" not in rows:
        raise CorpusError(
            f"corpus {corpus}: {text_file} needs the columns utterance (or file) and text; it has {', '.join(map(str, rows))}"
        )
    chosen, others = matched(corpus, table, rows, "text", text_file)
    passed = f", {len(others)} rows of other utterances passed over" if others else ""
    return table.assign(text=chosen), f"column text of {Path(text_file).name}, {chosen.count('')} empty{passed}"


def named_rows(corpus: str, place: str, knob: str) -> pd.DataFrame:
    """A CSV or Parquet file that names utterances by a column `utterance`, or `file` in its place; `knob` says who asked for it.

    Raises CorpusError where there is none, it cannot be read, or it has neither column.
    """
    file = Path(place)
    if not file.is_file():
        raise CorpusError(f"corpus {corpus}: no file {file}; correct {knob}")
    try:
        rows = pd.read_parquet(file) if file.suffix == ".parquet" else read_table(corpus, file, [])
    except ValueError as error:
        raise CorpusError(f"corpus {corpus}: {file} cannot be read as a table: {error}") from None
    if not {"utterance", "file"}.intersection(rows):
        raise CorpusError(f"corpus {corpus}: {file} needs a column utterance or file; it has {', '.join(map(str, rows))}")
    return rows


def matched(corpus: str, table: pd.DataFrame, rows: pd.DataFrame, column: str, place: str) -> tuple[list[str], list[str]]:
    """The cells of a column of `rows` for every utterance of the table, and the names in `rows` of no utterance there.

    Folder and suffix of a `file` are left out. Raises CorpusError for an utterance without a row, and for a name given twice.
    """
    key = next(column for column in ("utterance", "file") if column in rows)
    given, written = ([str(cell) for cell in rows[each].astype(object).fillna("")] for each in (key, column))
    if key == "file":
        given = [file_name(name) for name in given]
    if twice := [name for name, count in Counter(given).items() if count > 1]:
        raise CorpusError(f"corpus {corpus}: {place} has {len(twice)} names more than once, first {twice[0]}")
    cells, names = dict(zip(given, written, strict=True)), _names(corpus, table, key, place)
    others = sorted(set(cells) - set(names))
    if absent := sorted(set(names) - set(cells)):
        unknown = f"; {len(others)} of its rows name no utterance of this corpus, first {others[0]}" if others else ""
        raise CorpusError(
            f"corpus {corpus}: {place} has no row for {len(absent)} of {len(names)} utterances, first {absent[0]}{unknown}; "
            "add them, with an empty text where there is none"
        )
    return [cells[name] for name in names], others


def _names(corpus: str, table: pd.DataFrame, key: str, place: str) -> list[str]:
    """What the rows of such a file call the utterances of the table."""
    if key == "utterance":
        return [str(name) for name in table["utterance"]]
    stems = [file_name(file) for file in table["file"]]
    if len(set(stems)) < len(stems):
        raise CorpusError(f"corpus {corpus}: several utterances share a file name, so {place} needs a column utterance")
    return stems
