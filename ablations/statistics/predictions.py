"""Joins the test predictions of a variant over folds into arrays, for scores that pool folds.

Pairs --one table--> {column: array} over all seeds and folds --cut--> the same per seed
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from ablations.paired_study import Pairs
from ser_core.metrics.prediction_columns import arrays


def join_predictions(pairs: Pairs, columns: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Returns the predictions of all seeds and folds in the order of `pairs`, in the columns that every fold has.

    `columns` selects columns; empty selects all. A missing text value becomes an empty string.
    """
    joined = pd.concat([one.test.predictions for one in pairs.values()], join="inner", ignore_index=True)
    asked = joined.filter(columns) if columns else joined
    return arrays(asked.fillna({name: "" for name, kind in asked.dtypes.items() if kind.kind not in "fiub"}))


def by_seed(pairs: Pairs, joined: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Splits the result of `join_predictions` by seed."""
    # groupby needs equal seeds in a row; `pairs` is sorted by (seed, fold).
    sizes = [sum(len(pairs[key].test.predictions) for key in keys) for _, keys in groupby(pairs, key=lambda key: key[0])]
    ends = np.cumsum(sizes)
    return [{name: values[end - size : end] for name, values in joined.items()} for size, end in zip(sizes, ends, strict=True)]
