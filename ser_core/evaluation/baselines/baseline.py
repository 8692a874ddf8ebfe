"""What every baseline provides: a sentence for the notes of a table, and its test metrics for one fold."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import Corpus
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.score import score
from ser_core.folds import Fold

Scores = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A reference that is printed but takes part in no statistical test."""

    sentence: str
    """What the baseline does, as the notes of a table print it after the name."""
    scores: Callable[[Dataset, Fold], Scores]
    """Computes the test metrics of a fold; {} if the corpus lacks what the baseline needs."""


def known(corpus: Corpus, fold: Fold) -> np.ndarray:
    """Returns the rows with an emotion that the tested model may train on."""
    rows = fold.known
    return rows[corpus.column("emotion")[rows] != ""]


def commonest(labels: np.ndarray) -> str:
    """Returns the most frequent class; the first by name in a tie.

    >>> commonest(np.array(["b", "a", "b", "a", "c"]))
    'a'
    """
    names, counts = np.unique(labels, return_counts=True)
    return str(names[counts.argmax()])


def scored(corpus: Corpus, fold: Fold, predicted: np.ndarray) -> Scores:
    """Returns the metrics of these predicted emotions, one per utterance of the test part."""
    columns = {"gender": corpus.column("gender"), "emotion.target": corpus.column("emotion")}
    return score(pd.DataFrame({name: column[fold.test] for name, column in columns.items()} | {"emotion.predicted": predicted}))
