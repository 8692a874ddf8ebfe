"""How a user's table becomes typed rows, and how every fault is found: names, labels, numbers, ratings, segments, audio.

    UserTable (cells of text) --words, numbers, ratings, utterances--> DataFrame, faults with their lines, notices
All faults are collected in the table's `faults` and raised together.
"""

import itertools
import os
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import SECONDS, WORDS, Dimension
from ser_core.corpus.labels import VOTES, segment_names
from ser_core.corpus.raters import RATER, check_long, is_long, means, one_row_each, rater_columns, tally
from ser_core.corpus.user_tables.cell_values import (
    counted,
    is_absent_name,
    to_numbers,
    without_absent,
    without_point_zero,
)
from ser_core.corpus.user_tables.column_names import likely
from ser_core.corpus.user_tables.faults import listed, quoted
from ser_core.corpus.user_tables.user_table import UserTable

ABSENT_IN = ("emotion", "gender", "text")
"""Columns in which a word for absent means a missing value; in columns of names it is a name."""
NO_CLASS = 'if it means absent, add corpus.merge=["none:"]; if it is a class, set corpus.classes or corpus.merge=[none:neutral]'
SAME_IN_LONG = ("file", "speaker", "gender", "session", "text", "split", "script", "start", "end")


class TableRows:
    """The rows of a user's table while they are typed. `frame` grows column by column; `notices` are for the user.

    `labels` are words that the user names as labels; they never mean absent.
    """

    def __init__(self, table: UserTable, scales: Sequence[Dimension], labels: Collection[str], root: Path) -> None:
        self.table, self.scales, self.labels, self.root = table, scales, labels, root
        self.notices: list[str] = []
        self.frame = table.cells.drop(columns=[""], errors="ignore").copy()

    def read(self) -> pd.DataFrame:
        """Returns one row per utterance with typed numbers, and adds faults to the table."""
        complete = self._check_columns()
        self._read_words()
        self._read_numbers()
        if complete and not (self.table.faults.damaged and not len(self.table)):
            self._read_files()
            self._name_utterances()
        return self.frame

    def _check_columns(self) -> bool:
        """Whether `file` and `speaker` exist; adds faults for them and for missing dimensions."""
        complete = self.table.need(["file", "speaker"], mapped=True)
        ours = (*WORDS, *SECONDS, *(scale.name for scale in self.scales))
        for name in [name for name in self.table.nested if name in ours or name.startswith(VOTES)]:
            self.table.faults.add(f"column {name!r} holds lists or structures; it must hold one value in each row")
        self.dimension_raters = {scale.name: self._raters_of(scale.name) for scale in self.scales}
        self.table.need([name for name, raters in self.dimension_raters.items() if not raters], mapped=True)
        self.votes = [name for name in self.table.names if name.startswith(VOTES) and name != VOTES]
        self.emotion_raters = rater_columns(self.table, "emotion")
        if self.votes and (self.emotion_raters or RATER in self.table.cells):
            other = self.emotion_raters[0] if self.emotion_raters else RATER
            if self.emotion_raters or "emotion" in self.table.cells:
                self.table.faults.add(f"votes come twice, as {self.votes[0]} and as {other}; rename or remove one kind")
        return complete

    def _raters_of(self, name: str) -> list[str]:
        """Returns the columns whose mean is a dimension; [] if the table has the dimension itself."""
        raters = rater_columns(self.table, name)
        return [] if name in self.table.cells else raters

    def _read_words(self) -> None:
        """Removes words for absent from labels and texts, and restores names from numbers that became floats."""
        for name in [name for name in (*WORDS, *self.emotion_raters) if name in self.frame]:
            cells = self.frame[name].to_numpy(object)
            kind = "emotion" if name in self.emotion_raters else name
            if kind in ABSENT_IN:
                cells, absent = without_absent(kind, cells, self.labels if kind == "emotion" else ())
                self._tell(*counted(name, absent))
            if name == "emotion" and "none" not in self.labels and (cells == "none").any():
                count = (cells == "none").sum()
                contain = "1 cell contains" if count == 1 else f"{count} cells contain"
                self._tell(f"column emotion: {contain} none, which is read as a class; {NO_CLASS}")
            if name not in ("file", "text"):
                cells, changed = without_point_zero(cells)
                if changed:
                    self._tell(f"column {name}: {changed} numbers end in .0 and are read without it (3.0 is 3)")
            if name in ("speaker", "session"):
                self._tell(*_odd_names(name, cells))
            self.frame[name] = pd.Series(cells, dtype=object)
        if "emotion" in self.frame:
            self._drop_strange_raters()
        for label, votes in tally([self.frame[name].to_numpy(object) for name in self.emotion_raters]).items():
            self.frame[f"{VOTES}{label}"] = votes
        self.frame = self.frame.drop(columns=self.emotion_raters)

    def _drop_strange_raters(self) -> None:
        """Drops columns emotion.<name> that hold no emotion of the table, such as emotion.intensity."""
        classes = set(self.frame["emotion"]) - {""}
        for name in [name for name in self.emotion_raters if not classes & set(self.frame[name])]:
            self._tell(f"column {name} is not read as a rater's: none of its cells is a label of the column emotion")
            self.emotion_raters.remove(name)

    def _read_numbers(self) -> None:
        """Converts seconds, ratings and votes to numbers and averages raters; adds faults for other cells and scales."""
        for name in [name for name in SECONDS if name in self.frame]:
            self._read_number(name, 0.0, np.inf, "a time before 0", seconds=True)
        for scale in self.scales:
            raters = self.dimension_raters[scale.name]
            bounds = f"outside its scale {scale.low:g} to {scale.high:g} (corpus.dimensions)"
            for name in [name for name in (scale.name, *raters) if name in self.frame]:
                self._read_number(name, scale.low, scale.high, f"a value {bounds}")
            if raters:
                self.frame[scale.name] = means([self.frame[name].to_numpy(float) for name in raters])
                self.frame = self.frame.drop(columns=raters)
        for name in self.votes:
            self._read_number(name, 0.0, np.inf, "votes below 0; votes are counts or shares of at least 0")

    def _read_number(self, name: str, low: float, high: float, outside: str, seconds: bool = False) -> None:
        """Converts one column to numbers."""
        values, wrong, commas, absent = to_numbers(self.frame[name].to_numpy(object), self.table.decimal_comma, seconds)
        self.table.fault(f"column {name!r} holds something that is not a number", wrong, name)
        self.table.fault(f"column {name!r} holds {outside}", np.flatnonzero((values < low) | (values > high)), name)
        if commas:
            self._tell(f"column {name}: {commas} numbers have a decimal comma and are read that way (3,5 is 3.5)")
        self._tell(*counted(name, absent))
        self.frame[name] = values

    def _read_files(self) -> None:
        """Checks that rows have file and speaker, that segments end after they start, and that audio exists."""
        for name in ("file", "speaker"):
            cells = self.frame[name].to_numpy(object)
            lacking = np.array([not cell.strip() or (name == "file" and is_absent_name(cell)) for cell in cells], bool)
            self.table.fault(f"rows have no {name}", np.flatnonzero(lacking))
            if name == "file":
                self.frame[name] = pd.Series(np.where(lacking, "", cells), dtype=object)
        if set(SECONDS) <= set(self.frame):
            starts, ends = (self.frame[name].to_numpy(float) for name in SECONDS)
            self.table.fault(
                "a segment ends before it starts",
                np.flatnonzero(ends <= starts),
                lambda row: f"{starts[row]:g} to {ends[row]:g}",
            )
        self._place_files()

    def _place_files(self) -> None:
        """Fixes Windows paths and spaces if that finds the file, and reports missing files."""
        files = {str(file): str(file) for file in self.frame["file"] if file}
        for change, what in SPELLINGS.items():
            changed = {file: change(place) for file, place in files.items() if not self._is_there(place)}
            found = {file: place for file, place in changed.items() if place != files[file] and self._is_there(place)}
            files |= found
            if found:
                self._tell(f"column file: {len(found)} paths {what}")
        self.frame["file"] = pd.Series([files.get(str(file), "") for file in self.frame["file"]], dtype=object)
        there = {file: self._is_there(file) for file in files.values()}
        absent = np.flatnonzero([not there.get(file, True) for file in self.frame["file"]])
        if len(absent):
            rows = (f"{self.table.at(row)} {quoted(self.frame['file'].iloc[row])}" for row in absent.tolist())
            folder = f"none of them is below {self.root}; correct corpus.root" if not any(there.values()) else f"in {self.root}"
            count = f"{len(absent)} of {len(self.table)} rows"
            sentence = f"{count} name audio that is not there or cannot be reached ({folder}): {listed(rows, len(absent))}"
            if len(self.table.faults):
                self.table.faults.add(sentence)
            else:
                self._tell(sentence)

    def _is_there(self, file: str) -> bool:
        """Whether a file exists; an impossible name does not."""
        return os.path.exists(os.path.join(self.root, file))  # noqa: PTH110, PTH118 - pathlib raises for overlong names

    def _name_utterances(self) -> None:
        """Names each row and combines the rows of an utterance's raters; a duplicate name is a fault."""
        if "utterance" in self.frame:
            names = self.frame["utterance"].to_numpy(object)
            lacking = np.array([not name.strip() for name in names], bool)
            self.table.fault("rows have no utterance", np.flatnonzero(lacking))
        else:
            absent = [float("nan")] * len(self.frame)
            starts, ends = (self.frame[name].tolist() if name in self.frame else absent for name in SECONDS)
            names = np.array(segment_names(self.frame["file"].tolist(), starts, ends), object)
            lacking = np.array([not file for file in self.frame["file"]], bool)
            self.frame["utterance"] = pd.Series(names, dtype=object)
        if is_long(self.table, names.tolist()):
            check_long(self.table, names, [name for name in SAME_IN_LONG if name in self.table.cells])
            raters = len(set(self.table.column(RATER)))
            self.frame, first = one_row_each(self.frame, names, [scale.name for scale in self.scales if scale.name in self.frame])
            self._tell(f"{len(names)} rows of {raters} raters are {len(first)} utterances")
            return
        again = pd.Series(names).duplicated().to_numpy(bool) & ~lacking
        earlier = dict(zip(reversed(names.tolist()), reversed(range(len(names))), strict=True))
        near = likely(RATER, self.table.names) if again.any() else ""
        self.table.meant |= {near: RATER} if near else {}
        self.table.fault(
            f"an utterance appears more than once (rows of its raters need a column {RATER}{f'; is it {near}?' if near else ''})",
            np.flatnonzero(again),
            lambda row: f"{quoted(names[row])}, first in {self.table.at(earlier[names[row]])}",
        )

    def _tell(self, *sentences: str) -> None:
        self.notices += [f"{self.table.file.name}: {sentence}" for sentence in sentences]


SPELLINGS: dict[Callable[[str], str], str] = {
    lambda path: path.replace("\\", "/"): "have backslashes, which are read as /",
    str.strip: "have spaces around them, which are left out",
    lambda path: unicodedata.normalize("NFD", path): "are spelled with decomposed letters (NFD) on this disk",
    lambda path: unicodedata.normalize("NFC", path): "are spelled with composed letters (NFC) on this disk",
}
"""Other spellings of a path, tried if the spelling in the table finds no file, and the words for the notice."""


def _odd_names(column: str, cells: np.ndarray) -> list[str]:
    """Returns a notice about speakers or sessions whose name is a word for absent."""
    odd = [str(cell) for cell in cells if cell.strip() and is_absent_name(str(cell))]
    if not odd:
        return []
    words = ", ".join(itertools.islice(dict.fromkeys(odd), 3))
    return [
        f"column {column}: {len(odd)} rows contain {words}, which is read as the name of a {column}; if it means that the "
        f"{column} is unknown, remove these rows"
    ]
