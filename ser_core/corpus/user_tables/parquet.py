"""Reads a Parquet table as cells of text, whatever the types of its columns, as a CSV of the same table would have them.

integers "3"   booleans "True"   floats "0.5"   decimals "3.50"   durations in seconds "0.1"   times "2026-01-31 10:00:00"
Absent values (null, NaN) are "". Lists and structures have no cell of text: where such a column is read, it is a fault.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ser_core.corpus.user_tables.faults import Faults

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "__index_level_"
"""What pandas calls an index without a name."""
FRACTION = re.compile(r"(?<=:[0-9]{2})\.0+(?![0-9])")
"""Of a second, where it is none: Parquet has no unit of whole seconds."""
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class Columns(NamedTuple):
    """The columns with a name, in order, as arrays of text; `nested` are those whose cells are lists or structures."""

    names: list[str]
    cells: list[np.ndarray]
    nested: list[str]


def read_parquet(content: bytes, faults: Faults) -> Columns:
    """The columns of a Parquet file; a file that cannot be read is a fault."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        faults.add(f"begins like Parquet, but cannot be read ({lines[0].rstrip('.')}); copy or write it anew")
        faults.damaged = True
        return Columns([], [], [])
    kept = [number for number, name in enumerate(table.column_names) if not name.startswith(INDEX)]
    names = [table.column_names[number].strip() for number in kept]
    columns = [plain(table.column(number)) for number in kept]
    nested = [name for name, column in zip(names, columns, strict=True) if pa.types.is_nested(column.type)]
    return Columns(names, [_readable(name, column, faults) for name, column in zip(names, columns, strict=True)], nested)


def plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """A column without its dictionary (a categorical's) and without an extension of its type."""
    import pyarrow as pa

    while pa.types.is_dictionary(column.type) or isinstance(column.type, pa.BaseExtensionType):
        kind = column.type
        column = column.cast(kind.value_type if pa.types.is_dictionary(kind) else kind.storage_type)
    return column


def _readable(name: str, column: "pa.ChunkedArray", faults: Faults) -> np.ndarray:
    """The cells of a column, all absent and a fault where they cannot be text."""
    try:
        return cells_of(column)
    except (ValueError, NotImplementedError) as error:
        faults.add(f"column {name!r} of type {column.type} cannot be read ({error})")
        return np.full(len(column), "", object)


def cells_of(column: "pa.ChunkedArray") -> np.ndarray:
    """The cells as text, "" where absent."""
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
    """One value as a CSV spells it; None where it is absent."""
    if value is None or value != value:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _seconds(ticks: int, per_second: int) -> str:
    """Seconds as the shortest text that is the same number.

    >>> _seconds(100_000_000, 10**9), _seconds(2, 1)
    ('0.1', '2')
    """
    return str(ticks // per_second) if ticks % per_second == 0 else repr(ticks / per_second)
