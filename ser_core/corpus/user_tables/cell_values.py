"""How cells are read: which words mean that a value is absent, which numbers they hold, and names that became floats.

Absent is not a name. "NA" or "null" in a column of emotions, genders, texts or numbers is what a program wrote for a missing
value; each is counted in a notice. For a speaker or session it is a name, however odd: two speakers must never become one.
What counts as absent in which column:

    emotion, gender, numbers    "", NA, N/A, #N/A, NaN, null, <NA>, NaT in any case, "None" (written by Python), "-", "--", "?"
                                "none" in lower case may be a class (no emotion) and stays one; a word that corpus.classes or
                                corpus.merge names is a class too. For genders and numbers, "none" is absent in any case
    text                        the same words as programs spell them, "nan", "NA", "null", "None", ..., but no other spelling:
                                "Na", "none", "None." and "-" may have been spoken or written
"""

import math
import re
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

ABSENT = frozenset({"", "na", "n/a", "n.a.", "#n/a", "#na", "nan", "-nan", "null", "<na>", "nat"})
"""Words for absent, in lower case."""
SIGNS = frozenset({"-", "--", "?", "\u2013", "\u2014"})
SPELLINGS = frozenset({"NA", "N/A", "n/a", "#N/A", "#NA", "nan", "NaN", "NAN", "-nan", "null", "NULL", "None", "<NA>", "NaT"})
"""Words for absent in texts."""
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
WITH_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
CLOCK = re.compile(
    r"(?:(?P<days>[0-9]+) days?,? \+?)?(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:[.,][0-9]+)?)"
)
UNIT = re.compile(r"(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+) ?(?P<unit>s|sec|ms)")
POINT_ZERO = re.compile(r"(-?[0-9]+)(\.0+)?")


class Numbers(NamedTuple):
    """Numbers of a column, NaN if absent; rows without a number, rows with a decimal comma, and words for absent."""

    values: np.ndarray
    wrong: np.ndarray
    commas: int
    absent: Counter[str]


def to_numbers(cells: np.ndarray, decimal_comma: bool = False, seconds: bool = False) -> Numbers:
    """Reads the numbers in text cells. `seconds` also accepts h:mm:ss.s, pandas durations, 1.5 s and 200 ms."""
    codes, words = pd.factorize(cells)
    found = [_number(word, decimal_comma, seconds) for word in map(str, words)]
    values = np.array([number if number is not None else np.nan for number in found], float)[codes]
    wrong = np.array([number is None for number in found], bool)[codes]
    counts = np.bincount(codes, minlength=len(words)).tolist()
    absent: Counter[str] = Counter()
    commas = 0
    for word, number, count in zip(map(str, words), found, counts, strict=True):
        if number is not None and number != number and word.strip():
            absent[word.strip()] += count
        elif number is not None and "," in word and WITH_COMMA.fullmatch(word.strip()):
            commas += count
    return Numbers(values, np.flatnonzero(wrong), commas, absent)


def _no_number(word: str) -> bool:
    """Whether a cell of a number column is absent."""
    word = word.strip()
    return word.lower() in ABSENT or word.lower() in ("none", ".") or word in SIGNS


def _number(word: str, decimal_comma: bool, seconds: bool) -> float | None:
    """Returns the number in a cell, NaN if it is absent, None if it holds something else."""
    word = word.strip().replace("\u2212", "-")
    if NUMBER.fullmatch(word):
        value = float(word)
        return value if math.isfinite(value) else None
    if _no_number(word):
        return float("nan")
    if decimal_comma and WITH_COMMA.fullmatch(word):
        return float(word.replace(",", "."))
    if seconds and (time := CLOCK.fullmatch(word)):
        hours = 24 * int(time["days"] or 0) + int(time["hours"])
        return 3600 * hours + 60 * int(time["minutes"]) + float(time["seconds"].replace(",", "."))
    if seconds and (time := UNIT.fullmatch(word)):
        return float(time["number"]) / (1000 if time["unit"] == "ms" else 1)
    return None


def without_absent(column: str, cells: np.ndarray, real: Collection[str] = ()) -> tuple[np.ndarray, Counter[str]]:
    """Returns the cells of emotions, genders or texts with "" for absent ones, and the counted words for absent.

    `real` are words that the user names as labels.
    """
    codes, words = pd.factorize(cells)
    absent = [word not in real and _is_absent(column, word) for word in map(str, words)]
    counts = np.bincount(codes, minlength=len(words))
    found = Counter({str(word).strip(): int(count) for word, count, gone in zip(words, counts, absent, strict=True) if gone})
    found.pop("", None)
    return np.array(["" if gone else str(word) for word, gone in zip(words, absent, strict=True)], object)[codes], found


def _is_absent(column: str, word: str) -> bool:
    """Whether a cell of this word column is absent."""
    word = word.strip()
    if not word:
        return True
    if column == "text":
        return word in SPELLINGS
    return word.lower() in ABSENT or word in SIGNS or (word.lower() == "none" if column == "gender" else word == "None")


def is_absent_name(word: str) -> bool:
    """Whether a name of a speaker or session is a word for absent."""
    return word.strip().lower() in ABSENT | {"none", "unknown"} or word.strip() in SIGNS


def without_point_zero(cells: np.ndarray) -> tuple[np.ndarray, int]:
    """Restores numeric names that an absent one turned into floats (3.0 becomes 3), and counts the changes.

    A column with any other name or number stays unchanged, and so does 03.

    >>> without_point_zero(np.array(["3.0", "", "12.0"], object))[0].tolist()
    ['3', '', '12']
    >>> without_point_zero(np.array(["3.0", "3.5"], object))[0].tolist(), without_point_zero(np.array(["03"], object))[1]
    (['3.0', '3.5'], 0)
    """
    codes, words = pd.factorize(cells)
    matches = [POINT_ZERO.fullmatch(str(word)) for word in words]
    if not all(match or not word for match, word in zip(matches, words, strict=True)):
        return cells, 0
    ended = np.array([bool(match and match[2]) for match in matches], bool)
    if not ended.any():
        return cells, 0
    plain = np.array([match[1] if match else "" for match in matches], object)
    return plain[codes], int(ended[codes].sum())


def counted(column: str, absent: Counter[str]) -> list[str]:
    """Returns the notice about words for absent; [] if there are none.

    >>> counted("emotion", Counter({"NA": 2, "null": 1}))
    ['column emotion: 3 cells contain NA (2), null (1) and count as absent']
    """
    words = ", ".join(f"{word} ({count})" for word, count in absent.most_common(5))
    cells, count = ("1 cell contains", "counts") if absent.total() == 1 else (f"{absent.total()} cells contain", "count")
    return [f"column {column}: {cells} {words} and {count} as absent"] if absent else []
