"""What the text channel of a corpus holds, by `corpus.text`, and the texts of a file that lies elsewhere.

gold      as transcribed, annotators' tags kept         plain     the same without tags
column    the column `text` of corpus.text_file         none      nothing
A corpus of acted sentences has `sentence` in place of gold and plain: what was acted was also what was said.
"""

from collections import Counter
from pathlib import Path

import pandas as pd

from ser_core.corpus.release import read_table
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
    key, texts = _texts(corpus, text_file)
    names = _names(corpus, table, key)
    others = sorted(set(texts) - set(names))
    if absent := sorted(set(names) - set(texts)):
        unknown = f"; {len(others)} of its rows name no utterance of this corpus, first {others[0]}" if others else ""
        raise CorpusError(
            f"corpus {corpus}: {text_file} has no row for {len(absent)} of {len(names)} utterances, first {absent[0]}{unknown}; "
            "add them, with an empty text where there is none"
        )
    chosen = [texts[name] for name in names]
    passed = f", {len(others)} rows of other utterances passed over" if others else ""
    return table.assign(text=chosen), f"column text of {Path(text_file).name}, {chosen.count('')} empty{passed}"


def _texts(corpus: str, text_file: str) -> tuple[str, dict[str, str]]:
    """By what the file names its texts (utterance, or else file), and the texts by that name, folder and suffix left out."""
    if not text_file:
        raise CorpusError(f"corpus {corpus}: corpus.text=column needs its file: add corpus.text_file=FILE.csv (or .parquet)")
    file = Path(text_file)
    if not file.is_file():
        raise CorpusError(f"corpus {corpus}: no file {file}; correct corpus.text_file")
    try:
        texts = pd.read_parquet(file) if file.suffix == ".parquet" else read_table(corpus, file, [])
    except ValueError as error:
        raise CorpusError(f"corpus {corpus}: {file} cannot be read as a table: {error}") from None
    key = next((column for column in ("utterance", "file") if column in texts), None)
    if key is None or "text" not in texts:
        raise CorpusError(
            f"corpus {corpus}: {file} needs the columns utterance (or file) and text; it has {', '.join(map(str, texts))}"
        )
    names, written = ([str(cell) for cell in texts[column].astype(object).fillna("")] for column in (key, "text"))
    if key == "file":
        names = [Path(name).stem for name in names]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise CorpusError(f"corpus {corpus}: {file} has {len(twice)} names more than once, first {twice[0]}")
    return key, dict(zip(names, written, strict=True))


def _names(corpus: str, table: pd.DataFrame, key: str) -> list[str]:
    """What the rows of a text file call the utterances of the table."""
    if key == "utterance":
        return [str(name) for name in table["utterance"]]
    stems = [Path(file).stem for file in table["file"]]
    if len(set(stems)) < len(stems):
        raise CorpusError(f"corpus {corpus}: several utterances share a file name, so corpus.text_file needs a column utterance")
    return stems
