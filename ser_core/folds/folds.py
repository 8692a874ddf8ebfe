"""The training, development and test utterances of each fold, and the hash that names the split."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ser_core.corpus.corpus import Corpus

PARTS = ("train", "dev", "test")


@dataclasses.dataclass(frozen=True)
class Fold:
    """Row numbers of the corpus table in each part of one fold. `held_out` describes the test part."""

    number: int
    held_out: str
    train: np.ndarray
    dev: np.ndarray
    """Empty if nothing is chosen (folds.dev=none)."""
    test: np.ndarray
    joins: bool = True
    """Whether development utterances may join the training of the tested model; partners of test speakers may not."""

    @property
    def known(self) -> np.ndarray:
        """Returns all rows that the tested model, or a baseline, may train on."""
        return np.sort(np.concatenate([self.train, self.dev])) if self.joins else self.train


@dataclasses.dataclass(frozen=True)
class Folds:
    """All folds of a split, with the hash that names it and the card that describes it."""

    folds: tuple[Fold, ...]
    hash: str
    protocol: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def develops(self) -> bool:
        """Whether every fold has a development part. Without one, nothing may be chosen by scores."""
        return all(len(fold.dev) for fold in self.folds)


def split_hash(corpus: Corpus, folds: Sequence[Fold], card: Mapping[str, Any]) -> str:
    """Returns a name of the split from its content: the corpus, the label scheme, and the parts of each fold."""
    # Names and not row numbers: the hash describes who is where, not how a table is stored.
    names = corpus.column("utterance").tolist()
    parts = [{**{part: [names[row] for row in getattr(fold, part)] for part in PARTS}, "joins": fold.joins} for fold in folds]
    return hashlib.sha256(json.dumps([card["content"], corpus.scheme, parts], sort_keys=True).encode()).hexdigest()[:12]
