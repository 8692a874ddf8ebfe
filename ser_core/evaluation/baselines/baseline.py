"""What every baseline offers: a sentence for the notes of a table, and its test metrics for one fold."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import Corpus
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.metrics import score
from ser_core.folds import Fold

Scores = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A reference that is printed and not tested."""

    sentence: str
    """What it does, as the notes of a table say it after its name."""
    scores: Callable[[Dataset, Fold], Scores]
    """Test metrics of a fold; {} when the corpus lacks what it reads."""


def known(corpus: Corpus, fold: Fold) -> np.ndarray:
    """Rows with an emotion among what the tested model may be trained on."""
    rows = fold.known
    return rows[corpus.column("emotion")[rows] != ""]


def commonest(labels: np.ndarray) -> str:
    """The commonest class; of equally common ones the first by name.

    >>> commonest(np.array(["b", "a", "b", "a", "c"]))
    'a'
    """
    names, counts = np.unique(labels, return_counts=True)
    return str(names[counts.argmax()])


def scored(corpus: Corpus, fold: Fold, predicted: np.ndarray) -> Scores:
    """The metrics of these emotions, one per utterance of the test part."""
    columns = {"gender": corpus.column("gender"), "emotion.target": corpus.column("emotion")}
    return score(pd.DataFrame({name: column[fold.test] for name, column in columns.items()} | {"emotion.predicted": predicted}))
