"""Which utterances train, develop and test in each fold, and the hash that names the whole split."""

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
    """Row numbers of the corpus table in each part of one fold; `held_out` says what the test part is."""

    number: int
    held_out: str
    train: np.ndarray
    dev: np.ndarray
    """Empty where nothing is chosen (folds.dev=none)."""
    test: np.ndarray
    joins: bool = True
    """Whether development utterances may join the training of the tested model; partners of test speakers may not."""

    @property
    def known(self) -> np.ndarray:
        """What the tested model, and any model beside it, may be trained on at most."""
        return np.sort(np.concatenate([self.train, self.dev])) if self.joins else self.train


@dataclasses.dataclass(frozen=True)
class Folds:
    """All folds of a split, with the hash that names it and the words that describe it."""

    folds: tuple[Fold, ...]
    hash: str
    protocol: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def develops(self) -> bool:
        """Whether every fold has a development part, without which nothing may be chosen."""
        return all(len(fold.dev) for fold in self.folds)


def split_hash(corpus: Corpus, folds: Sequence[Fold], card: Mapping[str, Any]) -> str:
    """Names the split by what is in it: corpus content, label scheme, and who is where."""
    names = corpus.column("utterance").tolist()
    parts = [{**{part: [names[row] for row in getattr(fold, part)] for part in PARTS}, "joins": fold.joins} for fold in folds]
    return hashlib.sha256(json.dumps([card["content"], corpus.scheme, parts], sort_keys=True).encode()).hexdigest()[:12]
