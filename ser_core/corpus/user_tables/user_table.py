"""The one reader of every user table: bytes of any common kind in, text cells with their lines out.

    file --> bytes (gzip unpacked) --> Parquet ----------------------------------------> text cells, the line of each row,
                                   \\-> text (UTF-8, UTF-16, Windows-1252) --> , ; tab --> faults, notices
                                                                          \\-> JSON lines
The content of a file decides, not its suffix. Callers add their own faults and raise all of them at once.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ser_core.corpus.user_tables.column_names import known_names, likely, missing, rename, shown
from ser_core.corpus.user_tables.encodings import decode
from ser_core.corpus.user_tables.faults import Faults, name_list, quoted
from ser_core.corpus.user_tables.file_kind import is_parquet, table_bytes
from ser_core.corpus.user_tables.json_lines import is_json_lines, read_json_lines
from ser_core.corpus.user_tables.parquet import read_parquet
from ser_core.corpus.user_tables.separated import read_separated

PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclasses.dataclass
class UserTable:
    """A table as given.

    `cells` are text ("" for absent), an object column for each name. `lines` says where each row begins in the file, as a
    line of text or a row of a Parquet file (from 1); `at` puts it in words. `nested` are columns of lists or structures.
    `faults` are the faults found so far, `notices` are sentences for the user.
    """

    file: Path
    cells: pd.DataFrame
    lines: np.ndarray
    unit: str
    separator: str
    nested: Sequence[str]
    faults: Faults
    notices: list[str]
    meant: dict[str, str] = dataclasses.field(default_factory=dict)
    """Columns that were probably meant as missing columns of ours, as corpus.columns would read them."""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> list[str]:
        """Returns the names of the columns, without unnamed ones."""
        return [str(name) for name in self.cells if name]

    @property
    def decimal_comma(self) -> bool:
        """Whether a number may have a decimal comma: not if commas separate the cells, because 1,500 may then be 1500."""
        return self.separator not in ("", ",")

    def column(self, name: str) -> np.ndarray:
        """Returns the cells of a column."""
        return self.cells[name].to_numpy(object)

    def at(self, row: int) -> str:
        """Says where a row is in the file.

        `row` counts rows of `cells` from 0.
        """
        return f"{self.unit} {self.lines[row]}"

    def fault(self, what: str, rows: np.ndarray, cell: Callable[[int], str] | str = "") -> None:
        """Adds a fault of these rows; `cell` is the column to quote, or a function that returns the quote."""
        quote = (lambda row: quoted(str(self.cells[cell].iloc[row]))) if isinstance(cell, str) else cell
        examples = (f"{self.at(int(row))} {quote(int(row))}".rstrip() if cell else self.at(int(row)) for row in rows)
        self.faults.add_rows(what, examples, len(rows))

    def raise_faults(self, corpus: str) -> None:
        """Raises one CorpusError with all faults found so far, for a table of this corpus."""
        self.faults.raise_any(f"corpus {corpus}: ")

    def need(self, columns: Sequence[str], mapped: bool = False) -> bool:
        """Whether all these columns exist; adds a fault with the nearest name for each missing one."""
        absent = [name for name in columns if name not in self.cells]
        if not self.names:
            return not absent
        first = "" if known_names() & {name.lower() for name in self.names} else "; does its first line name the columns?"
        for name in absent:
            if mapped and (near := likely(name, self.names)):
                self.meant[near] = name
            self.faults.add(
                f"column {name!r} is missing{missing(name, self.names, mapped)}; it has {name_list(self.names)}{first}"
            )
        return not absent


def read_user_table(file: Path, columns: Mapping[str, str] | None = None) -> UserTable:
    """Reads the table in a file; `columns` maps its names to ours.

    Raises CorpusError for a file that is no table at all; faults of rows are in the table's `faults`.
    """
    content = table_bytes(file)
    faults, notices = Faults(file), list[str]()
    if is_parquet(content):
        names, cells, nested = read_parquet(content, faults)
        rows = len(cells[0]) if cells else 0
        table = UserTable(file, pd.DataFrame(), np.arange(1, rows + 1), "row", "", nested, faults, notices)
    else:
        text, more = decode(file, content)
        notices += more
        if file.suffix.lower() in PARQUET_SUFFIXES:
            notices.append(f"{file.name} is text, not Parquet, and is read as text")
        if is_json_lines(text):
            found, lines, nested = read_json_lines(text, faults)
            names, cells, separator = list(found), list(found.values()), ""
        else:
            names, rows, lines, separator, more = read_separated(text, {*known_names(), *map(str.lower, columns or {})}, faults)
            cells = [np.array(column, object) for column in zip(*rows, strict=True)] or [np.array([], object)] * len(names)
            notices, nested = [*notices, *more], []
        table = UserTable(file, pd.DataFrame(), lines, "line", separator, nested, faults, notices)
    if not names and not faults.damaged:
        faults.add("is blank; the first line of a table must name its columns, for example: file,speaker,emotion")
    elif not len(table) and not faults.damaged:
        faults.add(f"has no utterances: a header ({name_list(names)}) and no rows")
    table.cells = _frame(names, cells, columns or {}, table)
    return table


def _frame(names: Sequence[str], cells: Sequence[np.ndarray], mapping: Mapping[str, str], table: UserTable) -> pd.DataFrame:
    """Returns the columns by name; a duplicate name and a mapping of a missing column are faults."""
    for theirs, ours in mapping.items():
        if theirs not in names and not (table.faults.damaged and not names):
            near = likely(theirs, names)
            table.meant |= {near: ours} if near else {}
            meant = f" (did you mean {shown(near)}?)" if near else ""
            table.faults.add(
                f"corpus.columns reads {theirs!r} as {ours}, but that column is missing{meant}; it has {name_list(names)}"
            )
    renamed = rename(names, mapping)
    table.nested = [mapping.get(name, name) for name in table.nested]
    for name in dict.fromkeys(name for name in renamed if name and renamed.count(name) > 1):
        places = [number for number, other in enumerate(renamed, 1) if other == name]
        where = ", ".join(map(str, places))
        table.faults.add(f"column {name!r} appears {len(places)} times (columns {where} from the left); keep one or rename them")
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in zip(renamed, cells, strict=True)})
