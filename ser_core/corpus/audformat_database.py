"""Reads any database in audformat, the format of audb and audEERING: db.yaml with its schemes, db.<table>.csv or .parquet.

tables: [emotion]      rows: one file each, or one segment each      emotion: emotion        the column with the label
speaker: files/speaker       a column of another table               gender: gender          a field of the speaker's labels
Pickled tables are never opened, and neither is YAML with more than plain data.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ser_core.corpus.audformat_tables import (
    SPLITS,
    Place,
    check_stored,
    find,
    naming_file,
    open_database,
    read_header,
    scheme_of,
    tables_with,
    values,
)
from ser_core.corpus.corpus import SECONDS, WORDS, Corpus, CorpusOption, Dimension, cells, complete
from ser_core.corpus.labels import chosen_rows, parse_merge, parse_scale, segment_names
from ser_core.corpus.names import SIMILAR
from ser_core.corpus.release import check_some_file, release_folder
from ser_core.corpus.unknown_speakers import ACCEPTED
from ser_core.errors import CorpusError, SettingError
from ser_core.options import location_field, one_of, tolerance_field

if TYPE_CHECKING:
    from audformat import Database


@dataclasses.dataclass(frozen=True)
class Audformat(CorpusOption):
    """Settings of an audformat database."""

    name: str = "audformat"
    """This option's name."""
    root: str = location_field("")
    """Folder of the database: it holds db.yaml, and file names are relative to it."""
    tables: list[str] = dataclasses.field(default_factory=list)
    """Tables whose rows are the utterances. If no table emotion exists, emotion means emotion.train, emotion.test and so on.
    Empty means the only table that has the emotion column."""
    emotion: str = "emotion"
    """Place of the emotion: a column of these tables, or table/column for another table; empty leaves emotions out."""
    speaker: str = "speaker"
    """Place of the speaker: as for emotion; the prefix table/ is not needed if only one other table has the column."""
    gender: str = ""
    """Place of the gender: as for speaker, or a field of the speakers' labels; empty leaves it out."""
    session: str = ""
    """Place of the session: as for speaker; empty leaves it out."""
    text: str = ""
    """Place of the text, such as transcription: as for speaker; empty leaves it out."""
    dimensions: list[str] = dataclasses.field(default_factory=list)
    """Columns that are dimensions: [valence] with the scale of its scheme, or ["valence:1:5"] with this scale."""
    classes: list[str] = dataclasses.field(default_factory=list)
    """Emotions to keep, in order; rows with another label are dropped and counted. Empty keeps all, sorted."""
    merge: list[str] = dataclasses.field(default_factory=list)
    """Labels to rename before anything else, for example [excited:happy]."""
    similar_names: str = tolerance_field("refuse")
    """Speakers, sessions or classes that differ only in case, spaces, zeros or look-alike letters: refuse or allow."""
    unknown_speakers: str = tolerance_field("refuse")
    """If (almost) every utterance names a different speaker: refuse folds by speaker, or each (accept folds by utterance)."""

    def __post_init__(self) -> None:
        parse_merge(self.merge)
        one_of(self, "similar_names", SIMILAR)
        one_of(self, "unknown_speakers", ACCEPTED)
        for entry in self.dimensions:
            if ":" in entry:
                parse_scale(entry)
        if not self.speaker:
            raise SettingError("corpus.speaker must name a column: folds separate speakers, so every utterance needs one")
        if not (self.emotion or self.tables):
            raise SettingError("corpus.tables must name the tables of the utterances if corpus.emotion is empty")

    def terms(self) -> str:
        """Returns licence and usage from the header. Raises CorpusError if there is no header."""
        header = read_header(release_folder("audformat", self.root))
        return f"licence:        {header.get('license', 'not stated')}\nusage:          {header.get('usage', 'not stated')}"

    def read(self, cache: Path) -> Corpus:
        """Reads the rows of the tables. Raises CorpusError with the table, column or scheme that cannot be used."""
        root = release_folder("audformat", self.root)
        with open_database(root) as database:
            own = tables_with(database, self.tables, self.emotion)
            rows = pd.concat([_rows(database, root, table) for table in own], ignore_index=True)
            places = self._places(database, own)
            words = {setting: _words(values(database, root, place, own)) for setting, place in places.items()}
            scales = [self._scale(database, own, entry) for entry in self.dimensions]
            ratings = {scale.name: _numbers(scale, values(database, root, place, own)) for place, scale in scales}
            licence = f"{database.license or 'licence not stated'}; usage: {database.usage}"
            title, source = str(database.name), str(database.source)
        table = complete(rows.assign(**words, **ratings, file=[str((root / file).absolute()) for file in rows["file"]]))
        table, classes, notes = chosen_rows(table, self.merge, self.classes, self.similar_names)
        check_some_file("audformat", table["file"].tolist())
        return Corpus(
            name=title,
            table=table.loc[:, [*WORDS, *SECONDS, *ratings]],
            classes=classes,
            dimensions=tuple(scale for _, scale in scales),
            licence=licence,
            source=f"audformat database {title}: {source}",
            text_source=f"column {self.text}" if (cells(table, "text") != "").any() else "none",
            similar_names=self.similar_names,
            unknown_speakers=self.unknown_speakers,
            merged="; ".join(notes) or "none",
        )

    def _places(self, database: "Database", own: list[str]) -> dict[str, Place]:
        """Returns the places of the requested words of the schema."""
        speaker = find(database, "speaker", self.speaker, own)
        asked = {"emotion": self.emotion, "gender": self.gender, "session": self.session, "text": self.text}
        found = {setting: find(database, setting, name, own, speaker) for setting, name in asked.items() if name}
        return {"speaker": speaker, **found}

    def _scale(self, database: "Database", own: list[str], entry: str) -> tuple[Place, Dimension]:
        """Returns the place of a dimension and its scale. Raises CorpusError if neither the entry nor the scheme has one."""
        place = find(database, "dimensions", entry.partition(":")[0], own)
        if ":" in entry:
            return place, dataclasses.replace(parse_scale(entry), name=place.column)
        scheme = scheme_of(database, place, own)
        if scheme is None or scheme.minimum is None or scheme.maximum is None:
            raise CorpusError(
                f"corpus audformat: the scheme of column {entry!r} has no minimum and maximum; "
                f'give its scale, for example corpus.dimensions=["{entry}:1:5"]'
            )
        return place, Dimension(place.column, float(scheme.minimum), float(scheme.maximum))


def _rows(database: "Database", root: Path, name: str) -> pd.DataFrame:
    """Returns file, segment, name and split of every row of a table. A segment from 0 to an open end is the whole file."""
    check_stored(root, name)
    table = database.tables[name]
    with naming_file(root, name):
        files = [str(file) for file in table.index.get_level_values("file")]
    starts = ends = np.full(len(files), np.nan)
    if table.is_segmented:
        starts, ends = (table.index.get_level_values(level).total_seconds().to_numpy(float) for level in SECONDS)
        starts = np.where((starts == 0) & np.isnan(ends), np.nan, starts)
    split = table.split_id or next((part for part in name.split(".") if part in SPLITS), "")
    utterances = segment_names(files, starts.tolist(), ends.tolist())
    return pd.DataFrame({"utterance": utterances, "file": files, "start": starts, "end": ends, "split": split})


def _words(found: list[Any]) -> list[str]:
    """Returns cells as text, "" for missing ones."""
    return ["" if pd.isna(cell) else str(cell) for cell in found]


def _numbers(scale: Dimension, found: list[Any]) -> list[float]:
    """Returns cells as numbers. Raises CorpusError for a cell that is not a number."""
    try:
        return [float("nan") if pd.isna(cell) else float(cell) for cell in found]
    except ValueError as error:
        raise CorpusError(f"corpus audformat: column {scale.name!r} holds something that is not a number: {error}") from None
