"""How an audformat database is opened without running code from it, and how its columns are found.

audformat itself reads a table's .pkl if one exists, and its header with YAML tags; both can run code from an untrusted file.
Here it sees a folder with the header as plain data, and links only to the .csv and .parquet tables.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from ser_core.corpus.user_tables import read_user_table
from ser_core.errors import BridgeworkError, CorpusError

if TYPE_CHECKING:
    from audformat import Database

HEADER = "db.yaml"
TABLES = (".csv", ".parquet")
SPLITS = ("train", "dev", "devel", "valid", "test")
"""Suffixes of a table's name that are its split, as in emotion.train."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A column of a table, or a field of the labels of that column's scheme."""

    table: str
    column: str
    field: str = ""


def read_header(root: Path) -> dict[str, Any]:
    """Reads the header as plain data. Raises CorpusError if it is missing or holds more than plain data."""
    file = root / HEADER
    if not file.is_file():
        raise CorpusError(f"corpus audformat: no {HEADER} in {root}; correct corpus.root")
    try:
        header = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(f"corpus audformat: {file} is not plain YAML, so it is not read: {error}") from None
    if not isinstance(header, dict):
        raise CorpusError(f"corpus audformat: {file} is not the header of a database")
    return header


@contextlib.contextmanager
def open_database(root: Path) -> Iterator["Database"]:
    """Opens the database below `root`; its tables load while it is open. Raises CorpusError for an invalid header."""
    import audformat

    header = read_header(root)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / HEADER).write_text(yaml.safe_dump(header, sort_keys=False, allow_unicode=True), "utf-8")
        for file in root.glob("db.*"):
            if file.suffix in TABLES:
                (folder / file.name).symlink_to(file.absolute())
        try:
            database = audformat.Database.load(str(folder))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise CorpusError(f"corpus audformat: {root / HEADER} is not the header of a database: {error!r}") from None
        for table in database.misc_tables:
            check_stored(root, table)
        yield database


def check_stored(root: Path, table: str) -> None:
    """Raises CorpusError unless the table is stored as CSV or Parquet."""
    if any((root / f"db.{table}{suffix}").is_file() for suffix in TABLES):
        return
    if (root / f"db.{table}.pkl").is_file():
        raise CorpusError(
            f"corpus audformat: table {table} is only stored as {root / f'db.{table}.pkl'}, and a pickle is never opened "
            "because it can run code; if you trust it, save it again with audformat: db.save(root, storage_format='parquet')"
        )
    raise CorpusError(f"corpus audformat: table {table} has no file db.{table}.csv or .parquet in {root}")


def stored_file(root: Path, table: str) -> Path:
    """Returns the file of a table; Parquet comes first, as in audformat."""
    return next(file for suffix in reversed(TABLES) if (file := root / f"db.{table}{suffix}").is_file())


@contextlib.contextmanager
def naming_file(root: Path, table: str) -> Iterator[None]:
    """Raises CorpusError with the file and the fault if audformat cannot load a table."""
    try:
        yield
    except BridgeworkError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        file = stored_file(root, table)
        read_user_table(file).raise_faults("audformat")
        raise CorpusError(f"corpus audformat: {file} is not a table that audformat reads: {str(error).splitlines()[0]}") from None


def columns_of(database: "Database") -> list[str]:
    """Returns every column of the utterance tables, as table/column."""
    return [f"{table}/{column}" for table in database.tables for column in database.tables[table].columns]


def tables_with(database: "Database", wanted: Sequence[str], column: str) -> list[str]:
    """Returns the tables whose rows are the utterances: the wanted ones, or the only one that has the column.

    A missing table stands for its splits: emotion means emotion.train and emotion.test. Raises CorpusError for an unknown
    table, and if none is wanted and not exactly one table has the column.
    """
    if not wanted:
        found = [table for table in database.tables if column in database.tables[table].columns]
        if len(found) == 1:
            return found
        there = f"{', '.join(found)} have it" if found else f"there are {', '.join(columns_of(database)) or 'no columns'}"
        raise CorpusError(
            f"corpus audformat: exactly one table must have the column {column!r} of corpus.emotion, but {there}; "
            "choose with corpus.tables=[...]"
        )
    tables = []
    for table in wanted:
        own = [table] if table in database.tables else [f"{table}.{split}" for split in SPLITS]
        if not (own := [name for name in own if name in database.tables]):
            raise CorpusError(f"corpus audformat: no table {table!r} of corpus.tables; choose from {', '.join(database.tables)}")
        tables += own
    return tables


def find(database: "Database", setting: str, name: str, own: Sequence[str], labels: Place | None = None) -> Place:
    """Returns the place of `name`: table/column, a column of the utterances' own tables or of the only other table that has
    it, or a field of the labels of another column (the speaker's).

    Raises CorpusError, with the setting and the available columns, if it is nowhere or in several places.
    """
    table, slash, column = name.rpartition("/")
    if slash:
        if table not in database.tables or column not in database.tables[table].columns:
            raise CorpusError(
                f"corpus audformat: corpus.{setting}={name} does not exist; choose from {', '.join(columns_of(database))}"
            )
        return Place(table, column)
    if all(name in database.tables[each].columns for each in own):
        return Place("", name)
    found = [table for table in database.tables if name in database.tables[table].columns]
    if len(found) == 1:
        return Place(found[0], name)
    if found:
        raise CorpusError(
            f"corpus audformat: corpus.{setting}={name} is in several tables; say which: "
            + ", ".join(f"{table}/{name}" for table in found)
        )
    fields = label_fields(database, labels, own) if labels else []
    if labels and name in fields:
        return dataclasses.replace(labels, field=name)
    have = f", and the labels of the speakers have {', '.join(fields) or 'no fields'}" if labels else ""
    raise CorpusError(
        f"corpus audformat: corpus.{setting}={name} is in no table; choose from {', '.join(columns_of(database))}{have}"
    )


def scheme_of(database: "Database", place: Place, own: Sequence[str]) -> Any:
    """Returns the scheme of a column; None if it has none."""
    return database.tables[place.table or own[0]].columns[place.column].scheme


def label_fields(database: "Database", place: Place, own: Sequence[str]) -> list[str]:
    """Returns the fields of a column's labels: keys of their dictionaries, or columns of a misc table."""
    scheme = scheme_of(database, place, own)
    if scheme is None or isinstance(scheme.labels, list | None):
        return []
    if scheme.uses_table:
        return list(database.misc_tables[scheme.labels].columns)
    return sorted({field for about in scheme.labels.values() if isinstance(about, dict) for field in about})


def values(database: "Database", root: Path, place: Place, own: Sequence[str]) -> list[Any]:
    """Returns the cells of a place for every utterance of the own tables; NaN if it has no cell for one.

    Raises CorpusError for a table stored only as pickle, a duplicate row, labels that the scheme does not list, and
    segments looked up for whole files.
    """
    cells: list[Any] = []
    for table in own:
        series = _column(database, root, dataclasses.replace(place, table=place.table or table))
        index = database.tables[table].index
        if place.table and place.table != table:
            if database.tables[place.table].is_filewise:
                index = index.get_level_values("file")
            elif database.tables[table].is_filewise:
                raise CorpusError(f"corpus audformat: {place.table}/{place.column} has segments, table {table} has whole files")
            series = series.reindex(index)
        cells += series.tolist()
    return cells


def _column(database: "Database", root: Path, place: Place) -> pd.Series:
    """Returns one column, or the field of its labels."""
    check_stored(root, place.table)
    table = database.tables[place.table]
    with naming_file(root, place.table):
        series = table.columns[place.column].get()
    if series.index.has_duplicates:
        twice = series.index[series.index.duplicated()][0]
        raise CorpusError(f"corpus audformat: table {place.table} has a row twice: {twice}")
    with naming_file(root, place.table):
        check_labels(root, place, table.columns[place.column].scheme)
    return table.columns[place.column].get(map=place.field) if place.field else series


def check_labels(root: Path, place: Place, scheme: Any) -> None:
    """Raises CorpusError for labels that the scheme does not list, which audformat would treat as missing."""
    if scheme is None or scheme.labels is None:
        return
    raw = read_user_table(stored_file(root, place.table))
    raw.need([place.column])
    raw.raise_faults("audformat")
    listed = {str(label) for label in scheme.labels_as_list}
    if strange := sorted({str(cell) for cell in raw.column(place.column)} - listed - {""}):
        raise CorpusError(
            f"corpus audformat: column {place.table}/{place.column} has {strange[0]!r}, which its scheme does not list: "
            f"{', '.join(sorted(listed))}; correct one of them"
        )
