"""Stored features in a CSV or Parquet table: one row per utterance, or one per frame, as openSMILE and audformat write them.

    file,start,end,F0semitone_mean,loudness_mean,...        utterance,x0,x1,x2,...
Rows belong to the utterance that the column `utterance` names; otherwise to that of `file`, by the name without folder and
suffix, and, where several utterances lie in one file, by `start` and `end`. Several rows of an utterance are its steps.
"""

import dataclasses
import fnmatch
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ser_core.encoders.features.stored import Located, Stored, StoredFeatures, names_of, tails
from ser_core.errors import CorpusError, SettingError, nearest

NAMES = ("utterance", "file")
PLACES = (*NAMES, "start", "end", "name", "frameTime", "frameIndex")
"""Columns that say which utterance and time a row belongs to; they are no features."""
TOLERANCE_SECONDS = 0.011
"""Tools round times to their frames, so the first and last row of a segment may lie this far outside it."""


@dataclasses.dataclass(frozen=True)
class FeatureTable(StoredFeatures):
    """Stored features in a CSV or Parquet file; model.features=FOLDER/FILE.csv chooses it."""

    key: ClassVar[str] = "model.features"
    stores: ClassVar[bool] = False
    name: str = "table"
    """The name of this option."""
    columns: list[str] = dataclasses.field(default_factory=list)
    """Columns to read, names or patterns such as F0*; [] reads all but utterance, file, name, start, end and frame times."""
    names: str = ""
    """Column that names the utterance or its file; "" means utterance if there is one, otherwise file."""

    @classmethod
    def reads_path(cls, path: str) -> bool:
        return Path(path).suffix.lower() in (".csv", ".tsv", ".parquet")

    def items(self, utterances: pd.DataFrame, cache: Path) -> Located:
        place = self.need_path()
        table = _read(place, self.key)
        rows = self._rows(table, utterances, place)
        values = self._values(table, place)
        names = utterances["utterance"].tolist()
        if absent := [name for name, each in zip(names, rows, strict=True) if not len(each)]:
            raise CorpusError(
                f"{self.key}: {place} has no row for {len(absent)} of {len(names)} utterances, first {absent[0]}; "
                "add the rows, or correct the names"
            )
        dim, items = self.dim or values.shape[1], []
        for name, each in zip(names, rows, strict=True):
            steps = np.ascontiguousarray(values[each])
            content = hashlib.sha256(steps.tobytes()).hexdigest()[:16]
            items.append(Stored(name, str(place), content, dim, self.key, steps))
        most = max(map(len, rows))
        about = (
            f"{self.key}: {place.name} has {min(map(len, rows))} to {most} rows per utterance, which are read as steps in order"
        )
        return Located(items, (about,) if most > 1 else ())

    def _values(self, table: pd.DataFrame, place: Path) -> np.ndarray:
        """Returns the feature columns [rows dim] in double precision. Raises CorpusError for a column that holds no numbers."""
        chosen = self._chosen([str(name) for name in table.columns if name != self.names], place)
        for name in chosen:
            if not pd.api.types.is_numeric_dtype(table[name]):
                wrong = next(cell for cell in table[name] if not isinstance(cell, int | float))
                raise CorpusError(
                    f"{self.key}: column {name} of {place} is not numeric (it holds {str(wrong)[:40]!r}); name the feature "
                    f"columns with {self.key}.columns=[...]"
                )
        return table[chosen].to_numpy(np.float64)

    def _chosen(self, names: Sequence[str], place: Path) -> list[str]:
        chosen = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.columns)]
        chosen = chosen if self.columns else [name for name in names if name not in PLACES]
        for pattern in self.columns:
            if not fnmatch.filter(names, pattern):
                raise SettingError(
                    f"{self.key}.columns: {place} has no column {pattern}{nearest(pattern, names)}; correct it, or use a pattern "
                    "such as F0*"
                )
        if not chosen:
            raise CorpusError(f"{self.key}: {place} has no feature columns besides {', '.join(names)}; add them")
        return chosen

    def _rows(self, table: pd.DataFrame, utterances: pd.DataFrame, place: Path) -> list[np.ndarray]:
        """Returns the rows of each utterance, in the order of the table."""
        column = self.names or next((name for name in NAMES if name in table), "")
        if column not in table:
            raise CorpusError(
                f"{self.key}: {place} has no column {self.names or 'utterance or file'}; add it, or say which column names the "
                f"utterances with {self.key}.names"
            )
        named = defaultdict[str, list[int]](list)
        for row, cell in enumerate(table[column]):
            given = str(cell).strip().strip("'\"")
            for name in {given, *tails(given)}:
                named[name].append(row)
        timed = {"start", "end"} <= set(table.columns)
        times = _times(table) if timed else None
        found = []
        for names, start, end in zip(names_of(utterances, timed), utterances["start"], utterances["end"], strict=True):
            name = next((name for name in names if name in named), "")
            rows = np.array(named.get(name, []), dtype=int)
            # Rows under the utterance's own name are all its own; rows under its file's name are those of its time.
            if times is not None and name not in names[:2]:
                rows = rows[_within(times[rows], start, end)]
            found.append(rows)
        return found


def _read(place: Path, key: str) -> pd.DataFrame:
    """Reads the table. Raises CorpusError if it cannot be read or has no rows."""
    try:
        if place.suffix.lower() == ".parquet":
            table = pd.read_parquet(place)
            table = table.reset_index() if table.index.names != [None] else table
        else:
            first = place.read_text(encoding="utf-8-sig").split("\n", 1)[0]
            table = pd.read_csv(place, sep=max(",;\t", key=first.count), encoding="utf-8-sig", low_memory=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        why = str(error).splitlines()[0]
        raise CorpusError(f"{key}: {place} cannot be read as a table ({why}); write it as CSV (UTF-8) or Parquet") from error
    if not len(table):
        raise CorpusError(f"{key}: {place} has no rows; write one per utterance")
    return table


def _times(table: pd.DataFrame) -> np.ndarray:
    """Returns start and end of each row in seconds [rows 2], from numbers or from times as audformat writes them."""
    columns = []
    for name in ("start", "end"):
        cells = table[name]
        if not pd.api.types.is_numeric_dtype(cells):
            cells = pd.to_timedelta(cells.tolist(), errors="coerce").total_seconds()
        columns.append(np.asarray(cells, dtype=float))
    return np.stack(columns, 1)


def _within(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """Returns which rows lie in a segment; NaN is the start or the end of the file."""
    low = 0.0 if np.isnan(start) else start
    high = np.inf if np.isnan(end) else end
    first, last = np.nan_to_num(times[:, 0], nan=0.0), np.nan_to_num(times[:, 1], nan=np.inf)
    ends = (last <= high + TOLERANCE_SECONDS) | np.isinf(high)
    return (first >= low - TOLERANCE_SECONDS) & ends
