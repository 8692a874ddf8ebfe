"""Reads a Parquet table as text cells, for any column types, as a CSV of the same table would have them.

integers "3"   booleans "True"   floats "0.5"   decimals "3.50"   durations in seconds "0.1"   times "2026-01-31 10:00:00"
Missing values (null, NaN) are "". Lists and structures have no text form, so reading such a column is a fault.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ser_core.corpus.user_tables.faults import Faults

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "__index_level_"
"""Pandas' name for an unnamed index."""
FRACTION = re.compile(r"(?<=:[0-9]{2})\.0+(?![0-9])")
"""A zero fraction of a second; Parquet has no unit of whole seconds."""
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class Columns(NamedTuple):
    """The named columns, in order, as arrays of text; `nested` are those whose cells are lists or structures."""

    names: list[str]
    cells: list[np.ndarray]
    nested: list[str]


def read_parquet(content: bytes, faults: Faults) -> Columns:
    """Reads the columns of a Parquet file; an unreadable file is a fault."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        faults.add(f"begins like Parquet, but cannot be read ({lines[0].rstrip('.')}); copy or export it again")
        faults.damaged = True
        return Columns([], [], [])
    kept = [number for number, name in enumerate(table.column_names) if not name.startswith(INDEX)]
    names = [table.column_names[number].strip() for number in kept]
    columns = [plain(table.column(number)) for number in kept]
    nested = [name for name, column in zip(names, columns, strict=True) if pa.types.is_nested(column.type)]
    return Columns(names, [_readable(name, column, faults) for name, column in zip(names, columns, strict=True)], nested)


def plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Returns a column without its dictionary (a categorical's) and without a type extension."""
    import pyarrow as pa

    while pa.types.is_dictionary(column.type) or isinstance(column.type, pa.BaseExtensionType):
        kind = column.type
        column = column.cast(kind.value_type if pa.types.is_dictionary(kind) else kind.storage_type)
    return column


def _readable(name: str, column: "pa.ChunkedArray", faults: Faults) -> np.ndarray:
    """Returns the cells of a column; if they have no text form, adds a fault and returns empty cells."""
    try:
        return cells_of(column)
    except (ValueError, NotImplementedError) as error:
        faults.add(f"column {name!r} of type {column.type} cannot be read ({error})")
        return np.full(len(column), "", object)


def cells_of(column: "pa.ChunkedArray") -> np.ndarray:
    """Returns the cells as text, "" for missing ones."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_duration(kind):
        per_second = PER_SECOND[kind.unit]
        texts = [None if ticks is None else _seconds(ticks, per_second) for ticks in column.cast(pa.int64()).to_pylist()]
    elif pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_date(kind):
        texts = [time and FRACTION.sub("", time) for time in column.cast(pa.string()).to_pylist()]
    else:
        texts = [_text(value) for value in column.to_pylist()]
    return np.array(["" if text is None else text for text in texts] or [], object)


def _text(value: Any) -> str | None:
    """Returns one value as a CSV spells it; None if it is missing."""
    if value is None or value != value:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _seconds(ticks: int, per_second: int) -> str:
    """Returns seconds as the shortest text with the same value.

    >>> _seconds(100_000_000, 10**9), _seconds(2, 1)
    ('0.1', '2')
    """
    return str(ticks // per_second) if ticks % per_second == 0 else repr(ticks / per_second)
