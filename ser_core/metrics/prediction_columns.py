"""How predictions are read: the labelled and the rated utterances of a task, as arrays for the metrics.

TestPart.predictions --arrays--> {column: array} --READERS--> truth and answer --> formulas of METRICS
"""

from collections.abc import Callable, Mapping, Sequence
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


def rated_answers(predictions: Columns, name: str, task: str = "dimensions") -> tuple[np.ndarray, np.ndarray]:
    """Returns truth and prediction of the rated utterances of a dimension, in the corpus's own scale."""
    truth, predicted = (np.asarray(predictions[f"{task}.{name}.{part}"]) for part in ("target", "predicted"))
    return truth[~np.isnan(truth)], predicted[~np.isnan(truth)]


def confidences(predictions: Columns, task: str = "emotion") -> tuple[np.ndarray, np.ndarray]:
    """Returns the probability of the most likely class, and whether it is right, for the labelled utterances."""
    truth, predicted = labelled_answers(predictions, task)
    surest = np.column_stack([np.asarray(predictions[name], float) for name in likelihoods(predictions, task)]).max(axis=1)
    return surest[np.asarray(predictions[f"{task}.target"]).astype(str) != ""], truth == predicted


def likelihoods(predictions: Columns, task: str = "emotion") -> list[str]:
    """Returns the columns that hold the probability of each class, in order."""
    return [str(column) for column in predictions if str(column).startswith(f"{task}.p.")]


def dimensions(predictions: Columns, task: str = "dimensions") -> list[str]:
    """Returns the names of the dimensions that have a target column, in order."""
    parts = [str(column).split(".", 1) for column in predictions]
    return [one[1].removesuffix(".target") for one in parts if one[0] == task and one[1].endswith(".target")]


def vote_columns(classes: Sequence[str], votes: np.ndarray, task: str = "emotion") -> pd.DataFrame:
    """Returns the share of annotators per class [utterances classes] as columns of predictions."""
    return pd.DataFrame(votes, columns=[f"{task}.v.{name}" for name in classes])


def voted_answers(predictions: Columns, task: str = "emotion") -> tuple[np.ndarray, np.ndarray]:
    """Returns votes and probabilities [utterances classes] of the utterances with votes; empty without such columns."""
    names = [name.removeprefix(f"{task}.p.") for name in likelihoods(predictions, task)]
    sides = [[np.asarray(predictions[f"{task}.{kind}.{name}"], float) for name in names] for kind in ("v", "p")]
    votes, likely = (np.stack(side, axis=1) for side in sides)
    known = np.isfinite(votes).all(axis=1)
    return votes[known], likely[known]


Answers = dict[str, tuple[np.ndarray, np.ndarray]]
"""Truth and prediction by part: by dimension for ratings, under "" for everything else."""


def _read_labels(predictions: Columns, task: str) -> Answers:
    return {"": labelled_answers(predictions, task)} if f"{task}.target" in predictions else {}


def _read_confidences(predictions: Columns, task: str) -> Answers:
    return {"": confidences(predictions, task)} if likelihoods(predictions, task) else {}


def _read_votes(predictions: Columns, task: str) -> Answers:
    names = likelihoods(predictions, task)
    return {"": voted_answers(predictions, task)} if names and f"{task}.v.{names[0].split('.', 2)[2]}" in predictions else {}


def _read_ratings(predictions: Columns, task: str) -> Answers:
    return {name: rated_answers(predictions, name, task) for name in dimensions(predictions, task)}


READERS: dict[str, dict[str, Callable[[Columns, str], Answers]]] = {
    "": {},
    "classes": {"classes": _read_labels, "confidences": _read_confidences, "votes": _read_votes},
    "ratings": {"ratings": _read_ratings},
    "texts": {"texts": _read_labels},
}
"""For each kind of prediction (TaskOption.predicts), how to read what metrics compare (Metric.reads)."""
