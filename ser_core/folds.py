"""Which utterances train, develop and test in each fold: pure, seeded, hashed, the same for every trial of a study.

    speakers  A B C D E F          fold 1: test A, develop on B, train on C D E F
    Nobody is in two parts of a fold; every utterance is tested exactly once.
The development set is whole speakers from the training side, so choosing an epoch never sees the test speakers.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.options import Option, at_least


@dataclasses.dataclass(frozen=True)
class Fold:
    """Row numbers of the corpus table in each part of one fold; `held_out` says what the test part is."""

    number: int
    held_out: str
    train: np.ndarray
    dev: np.ndarray
    test: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folds:
    """All folds of a split, with the hash that names it and the words that describe it."""

    folds: tuple[Fold, ...]
    hash: str
    protocol: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.folds)


@dataclasses.dataclass(frozen=True)
class FoldsOption(Option):
    """Base of the protocols: one abstract method, `groups`."""

    key: ClassVar[str] = "folds"
    name: str = ""
    """This option's name."""
    dev_speakers: int = 1
    """Whole speakers taken from the training side as development set, at least 1."""
    seed: int = 0
    """Seed of the order in which speakers take their turn as development set, and of grouped folds; at least 0."""

    def __post_init__(self) -> None:
        at_least(self, "dev_speakers", 1)
        at_least(self, "seed", 0)

    def groups(self, corpus: Corpus) -> list[tuple[str, np.ndarray]]:
        """For each fold what is held out, in words, and the rows of its test part."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class LeaveOneSpeakerOut(FoldsOption):
    """One fold per speaker."""

    name: str = "lospo"
    """This option's name."""

    def groups(self, corpus: Corpus) -> list[tuple[str, np.ndarray]]:
        return _by_column(corpus, "speaker")


@dataclasses.dataclass(frozen=True)
class LeaveOneSessionOut(FoldsOption):
    """One fold per session (recording group)."""

    name: str = "loso"
    """This option's name."""

    def groups(self, corpus: Corpus) -> list[tuple[str, np.ndarray]]:
        if (corpus.column("session") == "").any():
            raise CorpusError(f"folds=loso needs a session for every utterance; corpus {corpus.name} has none: use lospo")
        return _by_column(corpus, "session")


@dataclasses.dataclass(frozen=True)
class GroupedKFold(FoldsOption):
    """Speakers dealt into `count` folds of about equal utterances."""

    name: str = "kfold"
    """This option's name."""
    count: int = 5
    """Folds, at least 2 and at most the speakers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "count", 2)

    def groups(self, corpus: Corpus) -> list[tuple[str, np.ndarray]]:
        from sklearn.model_selection import GroupKFold

        speakers = corpus.column("speaker")
        if self.count > len(set(speakers)):
            raise CorpusError(f"folds.count={self.count} exceeds the {len(set(speakers))} speakers of {corpus.name}")
        parts = GroupKFold(self.count, shuffle=True, random_state=self.seed).split(speakers, groups=speakers)
        return [(f"speakers {', '.join(sorted(set(speakers[test])))}", test) for _, test in parts]


FOLDS: dict[str, type[FoldsOption]] = {
    "lospo": LeaveOneSpeakerOut,
    "loso": LeaveOneSessionOut,
    "kfold": GroupedKFold,
}


def make_folds(corpus: Corpus, option: FoldsOption, card: Mapping[str, Any]) -> Folds:
    """The folds of a corpus. `card` is its protocol card, whose content hash goes into the split's.

    Raises CorpusError when a fold would be left without training or development speakers.
    """
    speakers = corpus.column("speaker")
    turns = _turns(speakers, option.seed)
    folds = []
    for number, (held_out, test) in enumerate(option.groups(corpus), start=1):
        remaining = [speaker for speaker in turns if speaker not in set(speakers[test])]
        if len(remaining) <= option.dev_speakers:
            raise CorpusError(
                f"fold {number} ({held_out}) leaves {len(remaining)} speakers to train and develop on, "
                f"and folds.dev_speakers={option.dev_speakers}: a corpus needs more speakers, or fewer for development"
            )
        first = (number - 1) % len(remaining)
        developing = [remaining[(first + step) % len(remaining)] for step in range(option.dev_speakers)]
        outside = np.setdiff1d(np.arange(len(corpus)), test)
        is_dev = np.isin(speakers[outside], developing)
        folds.append(Fold(number, held_out, outside[~is_dev], outside[is_dev], np.sort(test)))
    protocol = {
        "protocol": option.name,
        "folds": len(folds),
        "dev_rule": f"{option.dev_speakers} whole speaker(s) of the training side, in turn",
    }
    return Folds(tuple(folds), _split_hash(corpus, folds, card), protocol)


def _by_column(corpus: Corpus, column: str) -> list[tuple[str, np.ndarray]]:
    values = corpus.column(column)
    return [(f"{column} {value}", np.flatnonzero(values == value)) for value in sorted(set(values))]


def _turns(speakers: np.ndarray, seed: int) -> list[str]:
    """Speakers in a seeded order."""
    names = sorted(set(speakers.tolist()))
    return [names[index] for index in np.random.default_rng(seed).permutation(len(names))]


def _split_hash(corpus: Corpus, folds: list[Fold], card: Mapping[str, Any]) -> str:
    """Names the split by what is in it: corpus content, label scheme, and who is where."""
    names = corpus.column("utterance").tolist()
    parts = [{part: [names[row] for row in getattr(fold, part)] for part in ("train", "dev", "test")} for fold in folds]
    return hashlib.sha256(json.dumps([card["content"], corpus.scheme, parts], sort_keys=True).encode()).hexdigest()[:12]
