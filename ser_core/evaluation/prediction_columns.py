"""How predictions are read: the labelled and the rated utterances of a task, as arrays for the metrics.

TestPart.predictions --arrays--> {column: array} --labelled, rated, confidences--> truth and answer        --> metrics.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Columns = pd.DataFrame | Mapping[str, np.ndarray]
"""Predictions as in TestPart, as a table or as a mapping of arrays."""


def class_places(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> tuple[list[str], Any, Any]:
    """Returns the classes by name, and both sides as indices into them, because audmetric counts numbers far faster than words.

    >>> class_places(["b", "a"], ["b", "c"])
    (['a', 'b', 'c'], array([1, 0]), array([1, 2]))
    """
    classes, places = np.unique(np.concatenate([np.asarray(truth), np.asarray(predicted)]), return_inverse=True)
    return list(map(str, classes)), places[: len(truth)], places[len(truth) :]


def arrays(predictions: Columns) -> dict[str, np.ndarray]:
    """Returns predictions as a mapping of arrays, because tables are slow to index."""
    found = {str(name): np.asarray(predictions[name]) for name in predictions}
    return {name: values.astype(str) if values.dtype == object else values for name, values in found.items()}


def labelled_answers(predictions: Columns, task: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns truth and predicted class of the labelled utterances of a class task."""
    truth, predicted = (np.asarray(predictions[f"{task}.{part}"]).astype(str) for part in ("target", "predicted"))
    return truth[truth != ""], predicted[truth != ""]


def rated_answers(predictions: Columns, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns truth and prediction of the rated utterances of a dimension, in the corpus's own scale."""
    truth, predicted = (np.asarray(predictions[f"dimensions.{name}.{part}"]) for part in ("target", "predicted"))
    return truth[~np.isnan(truth)], predicted[~np.isnan(truth)]


def confidences(predictions: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Returns the probability of the most likely emotion, and whether it is right, for the labelled utterances."""
    truth, predicted = labelled_answers(predictions, "emotion")
    surest = np.column_stack([np.asarray(predictions[name], float) for name in likelihoods(predictions)]).max(axis=1)
    return surest[np.asarray(predictions["emotion.target"]).astype(str) != ""], truth == predicted


def likelihoods(predictions: Columns) -> list[str]:
    """Returns the columns that hold the probability of each emotion, in order."""
    return [str(column) for column in predictions if str(column).startswith("emotion.p.")]


def dimensions(predictions: Columns) -> list[str]:
    """Returns the names of the dimensions that have a target column, in order."""
    parts = [str(column).split(".", 1) for column in predictions]
    return [one[1].removesuffix(".target") for one in parts if one[0] == "dimensions" and one[1].endswith(".target")]
