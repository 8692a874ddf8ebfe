"""How the text of a table is parsed: its separator, its rows with their lines, and every row that does not fit.

    file;speaker;emotion       the separator is the one of , ; | tab that gives most known header names and rows as wide
    a.wav;3;"so; it says"      a quoted cell may hold separators, line breaks and doubled quotes
Lines are counted as in an editor: a row is named by the line on which it begins.
"""

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ser_core.corpus.user_tables.faults import Faults, name_list, quoted

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
EXCEL_HINT = re.compile(r'"?sep=([,;\t])"?[,;\t]*(\r\n|\r|\n)')
"""A first line that tells Excel the separator."""
PEEK = 100
"""Number of rows that are read to find the separator."""


class Separated(NamedTuple):
    """Names of the columns, the rows with a cell for each, the line on which each row begins, and notices."""

    names: list[str]
    rows: list[list[str]]
    lines: np.ndarray
    separator: str
    notices: list[str]


class Parsed(NamedTuple):
    """Records with their lines; `broken` says where and why reading ended early."""

    records: list[list[str]]
    lines: list[int]
    broken: str


def read_separated(text: str, known: Collection[str], faults: Faults) -> Separated:
    """Parses a table. `known` are possible header names in lower case; faults of rows are added to `faults`."""
    hint = EXCEL_HINT.match(text)
    first = 1
    if hint:
        text, first = text[hint.end() :], 2
    separator, notices = (hint[1], []) if hint else _separator(text, known)
    parsed, rule_notices = _best_parse(text, separator, first)
    if parsed.broken:
        faults.add(parsed.broken)
        faults.damaged = True
    names, records, lines = _header(parsed)
    rows, kept, blank = _fitting(names, records, lines, faults)
    if blank:
        notices.append(f"{faults.file.name}: {blank} empty row{'s are' if blank > 1 else ' is'} left out")
    return Separated(
        names, rows, np.array(kept, int), separator, [*notices, *(f"{faults.file.name}: {one}" for one in rule_notices)]
    )


def _separator(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """Returns the best separator, and a sentence if another one fits as well."""
    scores = {separator: _fit(text, separator, known) for separator in SEPARATORS}
    best, second = sorted(scores, key=lambda separator: scores[separator], reverse=True)[:2]
    (names, fit, columns), (others, other_fit, other_columns) = scores[best], scores[second]
    if other_columns < 2 or columns < 2 or others < names or other_fit < min(fit, 0.9):
        return best, []
    words = f"{SEPARATORS[best]} ({columns} columns); {SEPARATORS[second]} would fit too ({other_columns} columns)"
    return best, [f"the table is read as separated by {words}: put the names in its first line in quotes if that is wrong"]


def _fit(text: str, separator: str, known: Collection[str]) -> tuple[int, float, int]:
    """Measures how well a separator fits: known names in the header, share of rows as wide as it, number of columns."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(row for row in itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), PEEK) if row)
    if not rows:
        return 0, 0.0, 0
    header = rows[0]
    found = sum(name.strip().lower() in known for name in header)
    fitting = sum(len(row) == len(header) for row in rows[1:]) / max(len(rows) - 1, 1)
    return found, fitting, len(header)


def _best_parse(text: str, separator: str, first: int) -> tuple[Parsed, list[str]]:
    """Parses with the usual quoting rules, or with the first other rules under which every row fits the header."""
    usual = _parse(text, first, delimiter=separator)
    if _sound(usual):
        return usual, []
    others: list[tuple[dict[str, Any], str]] = []
    if f'{separator} "' in text:
        others.append(({"skipinitialspace": True}, "spaces after separators are left out"))
    if '\\"' in text:
        others.append(({"escapechar": "\\", "doublequote": False}, 'quotes within quotes are written \\"'))
    if separator == "\t":
        others.append(({"quoting": csv.QUOTE_NONE}, "quotes are unbalanced, so each is read as an ordinary character"))
    for rules, words in others:
        parsed = _parse(text, first, delimiter=separator, **rules)
        if _sound(parsed):
            return parsed, [words]
    return usual, []


def _parse(text: str, first: int, **rules: Any) -> Parsed:
    """Returns records with the line on which each begins, up to the first unreadable one."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **rules)
    records: list[list[str]] = []
    lines: list[int] = []
    begin = first
    try:
        for record in reader:
            records.append(record)
            lines.append(begin)
            begin = reader.line_num + first
    except csv.Error as error:
        return Parsed(records, lines, _broken(text, begin, first, str(error)))
    return Parsed(records, lines, "")


def _broken(text: str, begin: int, first: int, error: str) -> str:
    """Says where and why reading ended, in words that a spreadsheet user knows."""
    row = next(itertools.islice(io.StringIO(text), begin - first, None), "").rstrip("\n")
    start = row.rfind('"') if row.count('"') % 2 else row.find('"')
    shown = quoted(row[max(start, 0) :])
    if "unexpected end of data" in error:
        return f"line {begin}: a quote opens a cell but is never closed, at {shown}; close it, or double it if it is text"
    if "field larger" in error:
        limit = f"{csv.field_size_limit():,}"
        return f"line {begin}: a cell has more than {limit} characters, at {shown}; is a quote left open?"
    if "expected after" in error:
        return f"line {begin}: a quote within a quoted cell is not doubled, at {shown}; write it twice"
    return f"line {begin}: cannot be read ({error}), at {shown}"


def _sound(parsed: Parsed) -> bool:
    """Whether everything was read and all rows are as wide as the header."""
    widths = {len(record) for record in parsed.records if any(record)}
    return not parsed.broken and len(widths) <= 1


def _header(parsed: Parsed) -> tuple[list[str], list[list[str]], list[int]]:
    """Returns the names of the first record that is not blank, and the records below it.

    R writes a column of row numbers without a header; those rows are one cell wider than the header.
    """
    start = next((number for number, record in enumerate(parsed.records) if any(map(str.strip, record))), len(parsed.records))
    names = [name.strip() for name in parsed.records[start]] if start < len(parsed.records) else []
    records, lines = parsed.records[start + 1 :], parsed.lines[start + 1 :]
    numbered = all(len(record) == len(names) + 1 and record[0] == str(row) for row, record in enumerate(records, 1))
    return (["", *names] if names and records and numbered else names), records, lines


def _fitting(
    names: Sequence[str], records: Sequence[list[str]], lines: Sequence[int], faults: Faults
) -> tuple[list[list[str]], list[int], int]:
    """Returns the rows with a cell for every column, their lines, and the number of blank rows; others are faults.

    Empty cells beyond the last column are allowed, because spreadsheets write them.
    """
    width = len(names)
    if all(len(record) == width for record in records) and all(map(any, records)):
        return list(records), list(lines), 0
    rows: list[list[str]] = []
    kept: list[int] = []
    long: list[tuple[int, list[str]]] = []
    short: list[tuple[int, list[str]]] = []
    blank = 0
    for line, record in zip(lines, records, strict=True):
        if not any(cell.strip() for cell in record):
            blank += bool(record)
        elif len(record) < width:
            short.append((line, record))
        elif any(record[width:]):
            long.append((line, record))
        else:
            rows.append(record[:width])
            kept.append(line)
    too = f"than the {width} of the header ({name_list(names)})"
    faults.add_rows(f"rows have more cells {too}; quote cells that hold the separator", _ragged(long), len(long))
    faults.add_rows(f"rows have fewer cells {too}", _ragged(short), len(short))
    faults.damaged |= bool(long or short)
    return rows, kept, blank


def _ragged(rows: Sequence[tuple[int, list[str]]]) -> Iterator[str]:
    """Describes rows that do not fit, for a message."""
    return (f"line {line} has {len(record)}, the last {quoted(record[-1])}" for line, record in rows)
