"""What every protocol provides, and how folds are made from it.

    protocol --held out--> test   and, outside it, a development rule --> dev   the rest --> train   --purge--> Fold
A protocol decides what is tested and what else may be used; a development rule picks the development set from the latter.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev import DevelopmentOption
from ser_core.folds.dev.development import Held
from ser_core.folds.folds import Fold, Folds, split_hash
from ser_core.options import Option, within

TRAINING_PART, BOTH_PARTS = "training part alone", "training and development part"
"""What the tested model is trained on, as the protocol card says it."""


@dataclasses.dataclass(frozen=True)
class FoldsOption(Option):
    """Base of the protocols: one abstract method, `held`."""

    key: ClassVar[str] = "folds"
    given: ClassVar[bool] = False
    """Whether the parts are the corpus's own and guarantee nothing about speakers."""
    name: str = ""
    """This option's name."""
    dev: DevelopmentOption = dataclasses.field(default_factory=DevelopmentOption)
    """Which utterances early stopping uses."""
    seed: int = 0
    """Seed of the order in which speakers take turns as development set, of random development sets and of grouped folds; at
    least 0."""

    def __post_init__(self) -> None:
        within(self, "seed", 0, 2**32 - 1)

    def held(self, corpus: Corpus) -> Iterator[Held]:
        """Yields what each fold tests, and what is available for training and development."""
        raise NotImplementedError

    def left_out(self, corpus: Corpus) -> str:
        """Returns which utterances no fold uses and why, for a notice; "" if there are none."""
        return ""

    def purged(self, corpus: Corpus, fold: Fold) -> Fold:
        """Returns the fold without utterances that conflict with its test part; the fold itself for most protocols."""
        return fold


def check_speakers(corpus: Corpus, option: FoldsOption) -> None:
    """Raises CorpusError if a protocol separates speakers that the corpus does not know, unless you accept that."""
    if corpus.why_unknown and not option.given and corpus.unknown_speakers != "each":
        raise CorpusError(
            f"corpus {corpus.name}: {corpus.why_unknown}, so folds={option.name} would be folds by utterance; name the speakers "
            "(column speaker, corpus.speaker), use the corpus's own parts (folds=official or emobox), or accept folds by "
            "utterance with corpus.unknown_speakers=each"
        )


def unused_notice(corpus: Corpus, option: FoldsOption, folds: Folds) -> list[str]:
    """Returns a sentence about utterances that no fold trains on, develops on or tests; [] if there are none."""
    unused = folds.protocol["unused"]
    why = option.left_out(corpus)
    return [f"folds={option.name} leaves out {unused} of {len(corpus)} utterances{f': {why}' if why else ''}"] if unused else []


def make_folds(corpus: Corpus, option: FoldsOption, card: Mapping[str, Any]) -> Folds:
    """Makes the folds of a corpus: pure, seeded, the same for every trial of a study.

    `card` is the corpus's protocol card; its content hash goes into the hash of the split. Raises CorpusError if a fold has
    no training, test or (unless folds.dev=none) development utterances, or if speakers are unknown.
    """
    check_speakers(corpus, option)
    held = list(option.held(corpus))
    rule = option.dev.settled(corpus, held)
    folds = []
    for number, (one, dev) in enumerate(zip(held, rule.rows(corpus, held, option.seed), strict=True), start=1):
        # setdiff1d also sorts. With sorted rows the split hash does not depend on how a protocol lists them.
        train = np.setdiff1d(one.outside, dev)
        fold = option.purged(corpus, Fold(number, one.held_out, train, np.sort(dev), np.sort(one.test), rule.joins))
        for part in ("train", "test", *(["dev"] if rule.name != "none" else [])):
            if not len(getattr(fold, part)):
                raise CorpusError(
                    f"fold {number} ({one.held_out}) of folds={option.name} has no {part} utterances left; "
                    "use a corpus with more speakers, or another protocol"
                )
        folds.append(fold)
    used = np.unique(np.concatenate([np.concatenate([fold.train, fold.dev, fold.test]) for fold in folds]))
    tested = BOTH_PARTS if rule.joins and rule.name != "none" else TRAINING_PART
    protocol = {
        "protocol": option.name,
        "folds": len(folds),
        "dev_rule": rule.words(),
        "tested_model": tested,
        "unused": len(corpus) - len(used),
    }
    return Folds(tuple(folds), split_hash(corpus, folds, card), protocol)


def held_out_by(corpus: Corpus, column: str) -> Iterator[Held]:
    """Yields one fold per value of a column of the corpus table."""
    values = corpus.column(column)
    for value in sorted(set(values.tolist())):
        rows = np.flatnonzero(values == value)
        yield Held(f"{column} {value}", rows, np.setdiff1d(np.arange(len(corpus)), rows))
