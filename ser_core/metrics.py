"""The field's scores, by definition and under one name each; audmetric computes them.

uar  unweighted average recall (also UA, balanced accuracy): mean recall over the classes present in the truth
wa   accuracy (also WA, weighted accuracy)
ccc  concordance correlation coefficient (Lin 1989), over a whole set, never the mean of batches
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def uar(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Mean over the classes present in `truth` of the share found; in [0, 1], NaN without utterances.

    >>> uar(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.3333333333333333
    >>> uar(["b", "b"], ["b", "c"])
    0.5
    """
    import audmetric

    if not len(truth):
        return float("nan")
    recalls, present = audmetric.recall_per_class(list(truth), list(predicted)), set(truth)
    return float(np.mean([recall for name, recall in recalls.items() if name in present]))


def wa(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Share of utterances found; in [0, 1], NaN without utterances.

    >>> wa(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.5
    """
    import audmetric

    return float(audmetric.accuracy(list(truth), list(predicted))) if len(truth) else float("nan")


def ccc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Agreement of two ratings in [-1, 1]: 1 only on the diagonal; NaN with fewer than two utterances.

    >>> round(ccc([1, 2, 3], [1, 2, 4]), 4)
    0.8571
    """
    import audmetric

    if len(truth) < 2:
        return float("nan")
    return float(audmetric.concordance_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def score(predictions: pd.DataFrame) -> dict[str, float]:
    """Every metric that the columns of `predictions` (see TestPart) allow; unlabelled utterances are left out."""
    scores: dict[str, float] = {}
    cells = {str(column): predictions[column].to_numpy() for column in predictions}
    for task, prefix in (("emotion", ""), ("gender", "gender.")):
        if f"{task}.target" in cells:
            truth, predicted = cells[f"{task}.target"].astype(str), cells[f"{task}.predicted"].astype(str)
            truth, predicted = truth[truth != ""], predicted[truth != ""]
            scores[f"{prefix}uar"], scores[f"{prefix}wa"] = uar(truth, predicted), wa(truth, predicted)
    for column, truth in cells.items():
        task, _, name = column.partition(".")
        if task == "dimensions" and name.endswith(".target"):
            name, rated = name.removesuffix(".target"), ~np.isnan(truth)
            scores[f"ccc.{name}"] = ccc(truth[rated], cells[f"dimensions.{name}.predicted"][rated])
    return scores
