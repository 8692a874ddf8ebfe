"""How ratings of single raters, as columns or as separate rows, become votes, means and labels.

wide    file,speaker,emotion.r1,emotion.r2,valence.r1,valence.r2     a column for each rater
long    file,speaker,rater,emotion,valence                           a row for each rater of an utterance
votes   file,speaker,votes.anger,votes.joy                           already counted
Missing ratings are left out; an utterance without ratings is unrated. The label by votes is the most frequent one; a tie gives
no label.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ser_core.corpus.labels import VOTES
from ser_core.corpus.user_tables.user_table import UserTable

RATER = "rater"
CENTRES = ("mean", "avg", "average", "median", "min", "max")
STATISTICS = {*CENTRES, "std", "sd", "sem", "var", "variance", "count", "n", "num", "confidence", "conf", "agreement", "norm"}
"""Column suffixes that are not raters: valence.std."""


def rater_columns(table: UserTable, name: str) -> list[str]:
    """Returns the columns <name>.<rater> without statistics, which must not be averaged like ratings."""
    found = [column for column in table.names if column.startswith(f"{name}.") and column != f"{name}."]
    return [column for column in found if column.rpartition(".")[2].lower() not in STATISTICS]


def tally(ratings: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Counts votes by label: how many of these columns have the label in each row.

    >>> {label: votes.tolist() for label, votes in tally([np.array(["a", "b"]), np.array(["a", ""])]).items()}
    {'a': [2.0, 0.0], 'b': [0.0, 1.0]}
    """
    labels = sorted({str(label) for column in ratings for label in column} - {""})
    return {label: np.sum([column == label for column in ratings], axis=0).astype(float) for label in labels}


def means(ratings: Sequence[np.ndarray]) -> np.ndarray:
    """Averages these columns of numbers per row over values that are not NaN; NaN if all are."""
    stacked = np.stack(list(ratings))
    rated = (~np.isnan(stacked)).sum(axis=0)
    return np.nansum(stacked, axis=0) / np.where(rated > 0, rated, np.nan)


def majority(table: pd.DataFrame, merge: Mapping[str, str]) -> tuple[list[str], int, int]:
    """Returns each row's label with most votes in the columns votes.<label>, or ""; the number of ties; the number without votes.

    Labels that `merge` joins add up first.
    """
    columns = [str(name) for name in table.columns if str(name).startswith(VOTES)]
    sums: dict[str, np.ndarray] = {}
    for column in columns:
        label = column.removeprefix(VOTES)
        label = merge.get(label, label)
        sums[label] = sums.get(label, np.zeros(len(table))) + np.nan_to_num(table[column].to_numpy(float))
    labels, counts = np.array(list(sums), object), np.stack(list(sums.values()), axis=1)
    most = counts.max(axis=1)
    unrated = most <= 0
    tied = ~unrated & (np.isclose(counts, most[:, None], rtol=1e-9).sum(axis=1) > 1)
    chosen = np.where(unrated | tied, "", labels[counts.argmax(axis=1)])
    return [str(label) for label in chosen], int(tied.sum()), int(unrated.sum())


def is_long(table: UserTable, utterances: Sequence[str]) -> bool:
    """Whether utterances have one row per rater."""
    return RATER in table.cells and len(set(utterances)) < len(utterances)


def check_long(table: UserTable, utterances: np.ndarray, same: Sequence[str]) -> None:
    """Adds faults if a rater rates an utterance twice, or if its rows differ in what they should share."""
    codes, _ = pd.factorize(utterances)
    raters = table.column(RATER)
    twice = pd.DataFrame({"utterance": codes, "rater": raters}).duplicated().to_numpy(bool)
    table.fault(
        "a rater rates an utterance more than once", np.flatnonzero(twice), lambda row: f"{raters[row]} {utterances[row]}".strip()
    )
    first = np.unique(codes, return_index=True)[1][codes]
    for column in same:
        cells = table.column(column)
        table.fault(
            f"rows of one utterance differ in column {column!r}",
            np.flatnonzero(cells != cells[first]),
            lambda row, cells=cells: f"{cells[row]!r}, but {cells[first[row]]!r} in {table.at(int(first[row]))}",
        )


def one_row_each(table: pd.DataFrame, utterances: np.ndarray, dimensions: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Combines rows of raters into one row per utterance, its first, with votes for `emotion` and means of the dimensions.

    Also returns the rows that stay.
    """
    codes, names = pd.factorize(utterances)
    first = np.unique(codes, return_index=True)[1]
    made = table.iloc[first].reset_index(drop=True)
    if "emotion" in table:
        labels = table["emotion"].to_numpy(object)
        for label in sorted(set(labels.tolist()) - {""}):
            made[f"{VOTES}{label}"] = np.bincount(codes[labels == label], minlength=len(names)).astype(float)
        made = made.drop(columns="emotion")
    for name in dimensions:
        values = table[name].to_numpy(float)
        rated = np.bincount(codes, ~np.isnan(values), minlength=len(names))
        made[name] = np.bincount(codes, np.nan_to_num(values), minlength=len(names)) / np.where(rated > 0, rated, np.nan)
    return made.drop(columns=RATER), first
