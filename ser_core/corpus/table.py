"""Reads any corpus from a table: CSV (comma, semicolon, tab), JSON lines or Parquet, one row per utterance.

file,speaker,text,emotion,gender,session,split,start,end,valence,votes.anger,votes.joy,...

    file               the audio, from corpus.root or the table's own folder                                      required
    speaker            who speaks, any name or number                                                             required
    utterance          a unique name for the row; by default the file with its segment
    emotion            the label; a word for absent (NA, null, ..., user_tables/cell_values.py) leaves it unlabelled
    emotion.<rater>    the choice of each rater, instead of votes.<label>
    votes.<label>      how many annotators chose the label, or their share; without `emotion`, most votes make the label,
                       and a tie makes none
    rater              several rows per utterance, one per rater, with this rater's `emotion` and dimensions
    text gender session split script                                                                     words; optional
    start end          the segment in seconds, or as h:mm:ss.s
    <dimension>        a rating that corpus.dimensions names with its scale; <dimension>.<rater> are averaged
    augmented_file augmented_text and any other name can be requested by name (corpus/further.py)
corpus.columns={label: emotion} reads a column under another name. All faults of a table are reported at once.
"""

import dataclasses
from pathlib import Path

import pandas as pd

from ser_core.corpus.corpus import SECONDS, WORDS, Corpus, CorpusOption, Dimension, cells, complete
from ser_core.corpus.further import AUGMENTED_FILE, absolute_paths
from ser_core.corpus.labels import VOTES, chosen_rows, parse_merge, parse_scale, voted_shares
from ser_core.corpus.names import SIMILAR, read_name, similar_faults
from ser_core.corpus.raters import RATER, majority
from ser_core.corpus.table_notices import look_alikes, nothing_to_learn, unread_columns
from ser_core.corpus.table_rows import TableRows
from ser_core.corpus.text_file import check_text_file, with_text
from ser_core.corpus.unknown_speakers import ACCEPTED
from ser_core.corpus.user_tables import UserTable, read_user_table
from ser_core.corpus.user_tables.column_names import likely, override
from ser_core.errors import CorpusError, SettingError, nearest
from ser_core.options import content_field, location_field, one_of, tolerance_field


@dataclasses.dataclass(frozen=True)
class Table(CorpusOption):
    """Settings of a table corpus."""

    name: str = "table"
    """This option's name."""
    path: str = location_field("")
    """The table: CSV, JSON lines or Parquet, one row per utterance."""
    root: str = location_field("")
    """Folder from which relative `file` entries start; empty means the table's own folder."""
    title: str = "table"
    """Name of the corpus in records and tables."""
    columns: dict[str, str] = dataclasses.field(default_factory=dict, metadata={"content": True})
    """Names of the table's columns and what to read them as, for example {label: emotion, spk: speaker}."""
    classes: list[str] = dataclasses.field(default_factory=list)
    """Emotions to keep, in order; rows with another label are dropped and counted. Empty keeps all, sorted."""
    merge: list[str] = dataclasses.field(default_factory=list)
    """Labels to rename before anything else, for example [excited:happy]."""
    dimensions: list[str] = dataclasses.field(default_factory=list)
    """Columns that are dimensions, with the bounds of their scale, for example ["valence:1:5","arousal:1:5"]."""
    text: str = content_field("column")
    """Text channel: column (of the table, or of text_file if given), plain (the table's without tags), or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    licence: str = "not stated"
    """Licence text, copied to the protocol card and every report."""
    similar_names: str = tolerance_field("refuse")
    """Speakers, sessions or classes that differ only in case, spaces, zeros or look-alike letters: refuse or allow."""
    unknown_speakers: str = tolerance_field("refuse")
    """If (almost) every utterance names a different speaker: refuse folds by speaker, or each (accept folds by utterance)."""

    def __post_init__(self) -> None:
        parse_merge(self.merge)
        one_of(self, "similar_names", SIMILAR)
        one_of(self, "unknown_speakers", ACCEPTED)
        self.scales()
        one_of(self, "text", ("column", "plain", "none"))
        if twice := next((name for name in self.classes if self.classes.count(name) > 1), ""):
            raise SettingError(f"corpus.classes names {twice} twice; keep one")
        check_text_file(self.text, self.text_file)
        self._check_mapping()

    def scales(self) -> tuple[Dimension, ...]:
        """Returns `dimensions`, parsed. Raises SettingError for an entry that is not name:low:high with low < high."""
        scales = tuple(parse_scale(entry) for entry in self.dimensions)
        names = [scale.name for scale in scales]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"corpus.dimensions: {name} is given twice; keep one")
            if name in (*WORDS, *SECONDS):
                raise SettingError(f"corpus.dimensions: {name} is not a column of ratings; rename it in the table")
        return scales

    def read(self, cache: Path) -> Corpus:
        """Reads the rows of the table. Raises CorpusError with every column and row that cannot be used."""
        given = self._open()
        folder = Path(self.root) if self.root else Path(self.path).parent
        merge = parse_merge(self.merge)
        rows = TableRows(given, self.scales(), {*self.classes, *merge}, folder)
        table = rows.read()
        notes = _label_by_votes(table, merge, rows.notices, given.file.name)
        self._check_labels(given, table, merge)
        self._check_names(given, table, merge)
        if given.meant:
            meant = {**given.meant, **look_alikes(given, self.scales(), list(given.meant.values()))}
            kept = {theirs: ours for theirs, ours in self.columns.items() if ours not in meant.values()}
            given.faults.remedy = f"if these columns are meant, add {override({**kept, **meant})}"
        given.faults.raise_any()
        table["file"] = [str((folder / file).absolute()) for file in table["file"]]
        if AUGMENTED_FILE in table:
            table[AUGMENTED_FILE] = [absolute_paths(cell, folder) for cell in table[AUGMENTED_FILE]]
        idle = self._idle_entries(given, table, merge)
        table, classes, more = chosen_rows(complete(table), self.merge, self.classes, self.similar_names)
        corpus = self._corpus(table, classes, [*notes, *more], [*given.notices, *rows.notices])
        unread = unread_columns(given, self.scales(), self.columns)
        learn = [f"{given.file.name}: {one}" for one in (*nothing_to_learn(corpus), *unread, *idle)]
        return dataclasses.replace(corpus, notices=(*corpus.notices, *learn))

    def _corpus(self, table: pd.DataFrame, classes: tuple[str, ...], notes: list[str], notices: list[str]) -> Corpus:
        """Builds the corpus from complete rows, with the requested text."""
        dimensions = self.scales()
        columns = ["utterance", *WORDS[1:], *SECONDS, *(dimension.name for dimension in dimensions)]
        further = table.drop(columns=[name for name in table if name in columns or str(name).startswith(VOTES)])
        text_source = "column text" if (cells(table, "text") != "").any() else "none"
        if self.text != "column" or self.text_file:
            table, text_source, text_notices = with_text("table", table, self.text, self.text_file, "column text")
            notices = [*notices, *text_notices]
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
            notices=tuple(notices),
        )

    def _open(self) -> UserTable:
        """Opens the table as given. Raises CorpusError if it does not exist."""
        if not self.path:
            raise CorpusError("corpus table needs its file: add corpus.path=FILE.csv (or .parquet)")
        file = Path(self.path)
        if file.is_dir():
            raise CorpusError(f"corpus table: {file} is a folder; give the table file in it with corpus.path")
        if not file.is_file():
            raise CorpusError(f"corpus table: no file {file}; correct corpus.path")
        return read_user_table(file, self.columns)

    def _check_mapping(self) -> None:
        """Raises SettingError for two columns read under one name, and for a name that is nearly a known one."""
        for theirs, ours in self.columns.items():
            if list(self.columns.values()).count(ours) > 1:
                both = ", ".join(name for name, other in self.columns.items() if other == ours)
                raise SettingError(f"corpus.columns reads all of {both} as {ours}; keep one")
            known = (*WORDS, *SECONDS, RATER)
            if not isinstance(ours, str):  # OmegaConf accepts a list as the value of a dictionary of text
                raise SettingError(f"corpus.columns takes entries like {{label: emotion}}, got {theirs}: {ours!r}")
            if not ours or (ours not in known and ours.lower() in known):
                raise SettingError(f"corpus.columns reads {theirs!r} as {ours!r}, which is no known column{nearest(ours, known)}")

    def _idle_entries(self, given: UserTable, table: pd.DataFrame, merge: dict[str, str]) -> list[str]:
        """Returns notices about entries with unintended effects: columns that hide or nearly match another, unknown labels."""
        known, notices = (*WORDS, *SECONDS, RATER), list[str]()
        for theirs, ours in self.columns.items():
            if f"({ours})" in given.names:
                notices.append(f"corpus.columns reads {theirs} as {ours}, so the table's own column {ours} is not used")
            if ours not in known and (near := likely(ours, known)):
                notices.append(f"corpus.columns reads {theirs} as {ours!r}; did you mean {near}?")
        labels = _labels(table)
        notices += [
            f"corpus.merge names {name!r}, which no row has{nearest(name, labels)}" for name in merge if name not in labels
        ]
        return notices

    def _check_names(self, given: UserTable, table: pd.DataFrame, merge: dict[str, str]) -> None:
        """Adds a fault for names that certainly mean the same, so that it is reported with the others."""
        columns = {"speakers": "speaker", "sessions": "session"} | ({} if self.classes else {"emotions": "emotion"})
        names = {what: [read_name(str(cell)) for cell in table[name]] for what, name in columns.items() if name in table}
        if "emotions" in names:
            names["emotions"] = [merge.get(name, name) for name in names["emotions"]]
        if self.similar_names == "refuse" and (similar := similar_faults(names)):
            given.faults.add(similar)

    def _check_labels(self, given: UserTable, table: pd.DataFrame, merge: dict[str, str]) -> None:
        """Adds a fault for each class without rows."""
        known = sorted({merge.get(label, label) for label in _labels(table)})
        for name in [] if given.faults.damaged else [name for name in self.classes if read_name(name) not in known]:
            given.faults.add(
                f"corpus.classes names {name!r}; the table has {', '.join(known) or 'no label'}{nearest(name, known)}"
            )


def _labels(table: pd.DataFrame) -> list[str]:
    """Returns every label in rows or votes, in order."""
    emotions = {read_name(str(label)) for label in table["emotion"]} if "emotion" in table else set[str]()
    voted = {read_name(str(name).removeprefix(VOTES)) for name in table if str(name).startswith(VOTES)}
    return sorted((emotions | voted) - {""})


def _label_by_votes(table: pd.DataFrame, merge: dict[str, str], notices: list[str], file: str) -> list[str]:
    """Gives rows without a column `emotion` the label with most votes, and adds a notice and a note for the card."""
    voted = [str(name) for name in table if str(name).startswith(VOTES)]
    if "emotion" in table or not voted or not all(table[name].dtype.kind == "f" for name in voted):
        return []
    table["emotion"], tied, unrated = majority(table, merge)
    rule = f"label by most votes, {tied} ties and {unrated} unrated without label"
    notices.append(f"{file} has no column emotion: {rule} (of {len(table)} utterances)")
    return [rule]
