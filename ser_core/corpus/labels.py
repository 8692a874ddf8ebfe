"""The label settings that all readers share: which labels to merge, which to keep, which columns are dimensions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import Dimension, cells
from ser_core.corpus.names import check_left_out, read_name
from ser_core.errors import CorpusError, SettingError

VOTES = "votes."
"""Prefix of a column of votes; the label follows."""


def parse_merge(entries: Sequence[str]) -> dict[str, str]:
    """Returns the new name by label, from entries like excited:happy. Raises SettingError for other entries."""
    for entry in entries:
        if entry.count(":") != 1:
            raise SettingError(f"corpus.merge takes entries like excited:happy, got {entry!r}")
    return {read_name(old): read_name(new) for old, new in (entry.split(":") for entry in entries)}


def parse_scale(entry: str) -> Dimension:
    """Returns the dimension of an entry name:low:high. Raises SettingError for other entries and unless low < high."""
    try:
        name, low, high = entry.split(":")
        scale = Dimension(name, float(low), float(high))
    except ValueError:
        raise SettingError(f"corpus.dimensions takes entries like valence:1:5, got {entry!r}") from None
    if not scale.low < scale.high:
        raise SettingError(f"corpus.dimensions: the scale of {name} must rise, got {low} to {high}")
    return scale


def chosen_rows(
    table: pd.DataFrame, merge: Sequence[str], classes: Sequence[str], similar_names: str = "refuse"
) -> tuple[pd.DataFrame, tuple[str, ...], list[str]]:
    """Returns the rows of the wanted classes (default: all) and the unlabelled rows; the classes; notes in words.

    Raises CorpusError for a class without rows, and for a label that is left out only because of its spelling, unless
    `similar_names` is allow.
    """
    renamed = parse_merge(merge)
    check_left_out(renamed, set(table["emotion"]) - {*renamed, *renamed.values()}, "corpus.merge", similar_names)
    table = table.replace({"emotion": renamed})
    known = sorted(set(table["emotion"]) - {""})
    wanted = tuple(map(read_name, classes)) or tuple(known)
    if absent := set(wanted) - set(known):
        raise CorpusError(f"corpus.classes names {sorted(absent)[0]!r}; the table has {', '.join(known)}")
    check_left_out(wanted, set(known) - set(wanted), "corpus.classes", similar_names)
    kept = np.isin(cells(table, "emotion"), [*wanted, ""])
    dropped = int((~kept).sum())
    notes = [*merge, *([f"dropped {dropped} rows of other classes"] if dropped else [])]
    return table.loc[kept].reset_index(drop=True), wanted, notes


def voted_shares(
    table: pd.DataFrame, merge: Sequence[str], classes: Sequence[str], similar_names: str = "refuse"
) -> np.ndarray | None:
    """Returns shares [rows, classes] from the counts or shares in the columns votes.<label>; None without such columns.

    Merged labels add up. Labels outside the classes are left out and the rest is rescaled to 1; a row without any votes
    left is NaN. Raises CorpusError for votes below 0, and for labels like `chosen_rows`.
    """
    columns = [str(name) for name in table.columns if str(name).startswith(VOTES)]
    if not columns:
        return None
    renamed = parse_merge(merge)
    labels = [read_name(column.removeprefix(VOTES)) for column in columns]
    labels = [renamed.get(label, label) for label in labels]
    check_left_out(classes, set(labels) - set(classes), "the label scheme", similar_names)
    sums = np.zeros((len(table), len(classes)))
    for column, label in zip(columns, labels, strict=True):
        counts = np.nan_to_num(table[column].to_numpy(float))
        if (counts < 0).any():
            raise CorpusError(f"column {column!r}: votes are counts or shares of at least 0, got {counts.min():g}")
        if label in classes:
            sums[:, list(classes).index(label)] += counts
    totals = sums.sum(axis=1, keepdims=True)
    return sums / np.where(totals > 0, totals, np.nan)


def segment_names(files: Sequence[str], starts: Sequence[float], ends: Sequence[float]) -> list[str]:
    """Names utterances by file, plus the seconds of a segment.

    >>> segment_names(["a.wav", "a.wav"], [float("nan"), 0.5], [float("nan"), 1.5])
    ['a.wav', 'a.wav#0.5-1.5']
    """
    return [
        str(file) if pd.isna(start) and pd.isna(end) else f"{file}#{start:.9g}-{end:.9g}"
        for file, start, end in zip(files, starts, ends, strict=True)
    ]
