"""Any corpus from a CSV or Parquet table: `file` and `speaker`, and whatever else of the schema it has.

file,speaker,text,emotion,gender,session,split,start,end,valence,votes.anger,votes.joy,...
A column votes.<label> holds how many annotators chose the label, or their share. `augmented_file`, `augmented_text` and any other
column are there for whoever asks for them (corpus/further.py).
"""

import dataclasses
from pathlib import Path

import pandas as pd

from ser_core.corpus.corpus import SECONDS, WORDS, Corpus, CorpusOption, Dimension, cells, complete
from ser_core.corpus.further import AUGMENTED_FILE, placed
from ser_core.corpus.labels import VOTES, chosen_rows, parsed_merge, parsed_scale, segment_names, voted_shares
from ser_core.corpus.names import SIMILAR
from ser_core.corpus.text_file import check_text_file, with_text
from ser_core.corpus.unknown_speakers import ACCEPTED
from ser_core.errors import CorpusError
from ser_core.options import content, location, one_of, tolerance


@dataclasses.dataclass(frozen=True)
class Table(CorpusOption):
    """Knobs of a table corpus."""

    name: str = "table"
    """This option's name."""
    path: str = location("")
    """The table: .csv or .parquet, one row per utterance."""
    root: str = location("")
    """Folder that relative `file` entries start from; empty is the table's own folder."""
    title: str = "table"
    """The corpus's name in records and tables."""
    classes: list[str] = dataclasses.field(default_factory=list)
    """Emotions to keep, in order; rows with another label are dropped and counted. Empty keeps all, sorted."""
    merge: list[str] = dataclasses.field(default_factory=list)
    """Labels to rename before anything else, as [excited:happy]."""
    dimensions: list[str] = dataclasses.field(default_factory=list)
    """Columns that are dimensions with the ends of their scale, as ["valence:1:5","arousal:1:5"]."""
    text: str = content("column")
    """Text channel: column (of the table, or of text_file where one is given), plain (the table's without tags), or none."""
    text_file: str = location("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    licence: str = "not stated"
    """Licence text carried into the protocol card and every report."""
    similar_names: str = tolerance("refuse")
    """Speakers, sessions or classes that differ only in case, spaces, zeros or look-alike letters: refuse, or allow."""
    unknown_speakers: str = tolerance("refuse")
    """Folds by speakers where (almost) every utterance names another one: refuse, or each (accept folds by utterance)."""

    def __post_init__(self) -> None:
        parsed_merge(self.merge)
        one_of(self, "similar_names", SIMILAR)
        one_of(self, "unknown_speakers", ACCEPTED)
        self.scales()
        one_of(self, "text", ("column", "plain", "none"))
        check_text_file(self.text, self.text_file)

    def scales(self) -> tuple[Dimension, ...]:
        """`dimensions`, parsed. Raises SettingError for an entry that is not name:low:high with low < high."""
        return tuple(parsed_scale(entry) for entry in self.dimensions)

    def read(self, cache: Path) -> Corpus:
        """The rows of the table. Raises CorpusError naming the column or row that cannot be used."""
        table = self._rows()
        folder = Path(self.root) if self.root else Path(self.path).parent
        table["utterance"] = _names(table)
        table["file"] = [str((folder / file).absolute()) for file in table["file"]]
        if AUGMENTED_FILE in table:
            table[AUGMENTED_FILE] = [placed(cell, folder) for cell in table[AUGMENTED_FILE]]
        table, classes, notes = chosen_rows(complete(table), self.merge, self.classes, self.similar_names)
        dimensions = self.scales()
        columns = ["utterance", *WORDS[1:], *SECONDS, *(dimension.name for dimension in dimensions)]
        further = table.drop(columns=[name for name in table if name in columns or str(name).startswith(VOTES)])
        text_source = "column text" if (cells(table, "text") != "").any() else "none"
        if self.text != "column" or self.text_file:
            table, text_source = with_text("table", table, self.text, self.text_file, "column text")
        return Corpus(
            name=self.title,
            table=table.loc[:, columns],
            classes=classes,
            dimensions=dimensions,
            licence=self.licence,
            source=Path(self.path).name,
            text_source=text_source,
            similar_names=self.similar_names,
            unknown_speakers=self.unknown_speakers,
            merged="; ".join(notes) or "none",
            votes=voted_shares(table, self.merge, classes, self.similar_names),
            further=further.astype(object).fillna("").astype(str),
        )

    def _rows(self) -> pd.DataFrame:
        """The raw table with its columns checked. Text cells stay text: a speaker 03 is not 3."""
        if not self.path:
            raise CorpusError("corpus table needs its file: add corpus.path=FILE.csv (or .parquet)")
        file = Path(self.path)
        if not file.is_file():
            raise CorpusError(f"corpus table: no file {file}; correct corpus.path")
        if file.suffix == ".parquet":
            table = pd.read_parquet(file)
        else:
            table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        for column in ("file", "speaker", *(d.name for d in self.scales())):
            if column not in table:
                raise CorpusError(f"{file}: column {column!r} is missing; it has {', '.join(map(str, table.columns))}")
        numbers = {*SECONDS, *(dimension.name for dimension in self.scales())}
        for column in [name for name in table.columns if name in numbers or name.startswith(VOTES)]:
            try:
                table[column] = pd.to_numeric(table[column].replace("", float("nan")))
            except ValueError as error:
                raise CorpusError(f"{file}: column {column!r} holds something that is not a number: {error}") from None
        return table


def _names(table: pd.DataFrame) -> list[str]:
    """Utterance names: the `utterance` column, or the file with its segment where it has one."""
    if "utterance" in table:
        return [str(name) for name in table["utterance"]]
    absent = [float("nan")] * len(table)
    return segment_names(table["file"].tolist(), *(table[column].tolist() if column in table else absent for column in SECONDS))
