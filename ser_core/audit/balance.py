"""What the parts of the folds contain: missing classes, single speakers, one gender."""

from collections.abc import Iterator

import numpy as np

from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.corpus.corpus import Corpus
from ser_core.folds import Folds

PARTS = ("train", "dev", "test")
UNEVEN, VERY_UNEVEN = 1.5, 5.0
"""Ratio of largest to smallest class from which imbalance is a note, and a warning."""
LEAST_OF_A_GENDER = 0.3
"""Share of the rarer gender below which a part counts as unbalanced."""


def balance(corpus: Corpus, folds: Folds) -> list[Finding]:
    """Reports class imbalance, parts without a class, parts with one speaker, parts with uneven gender."""
    return [*_classes(corpus), *_missing(corpus, folds), *_single(corpus, folds), *_genders(corpus, folds)]


def _classes(corpus: Corpus) -> list[Finding]:
    labels = corpus.column("emotion")
    counts = {name: int((labels == name).sum()) for name in corpus.classes}
    if len(counts) < 2 or not any(counts.values()):
        return []
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / max(1, counts[least])
    if ratio < UNEVEN:
        return []
    return [
        Finding(
            "class imbalance",
            "warn" if ratio >= VERY_UNEVEN else "info",
            f"The largest class, {most}, has {ratio:.1f} times the utterances of the smallest, {least}.",
            "Judge by UAR, not by accuracy; accuracy of the majority class is "
            + percent(counts[most] / sum(counts.values()))
            + ".",
            counts,
        )
    ]


def _parts(folds: Folds) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yields (part, its name in messages, rows) for every part of every fold."""
    for fold in folds.folds:
        for part in PARTS:
            yield part, f"fold {fold.number} {part}", getattr(fold, part)


def _missing(corpus: Corpus, folds: Folds) -> list[Finding]:
    labels = corpus.column("emotion")
    if not (labels != "").any():
        return []
    examples: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, name, rows in _parts(folds):
        if lacking := sorted(set(corpus.classes) - set(labels[rows])):
            examples[part].append(f"{name} has no {', '.join(lacking)}")
    counts = {part: len(found) for part, found in examples.items() if found}
    if not counts:
        return []
    return [
        Finding(
            "class missing in a part",
            "warn",
            "Folds lack a class in " + ", ".join(f"{count} {part} parts" for part, count in counts.items()) + ".",
            "A fold's UAR covers only the classes tested: read the pooled UAR, or hold out more speakers (folds=kfold, "
            "folds.dev=speakers folds.dev.count=2).",
            counts,
            [example for found in examples.values() for example in found[:EXAMPLES]],
        )
    ]


def _single(corpus: Corpus, folds: Folds) -> list[Finding]:
    speakers = corpus.column("speaker")
    alone = [(part, name) for part, name, rows in _parts(folds) if len(set(speakers[rows])) == 1]
    if not alone:
        return []
    counts = {part: sum(each == part for each, _ in alone) for part in PARTS}
    return [
        Finding(
            "single-speaker part",
            "warn" if counts["train"] else "info",
            "Parts with a single speaker: "
            + ", ".join(f"{count} {part}" for part, count in counts.items() if count)
            + f" (of {len(folds)}).",
            "Expect development scores, and the epoch they choose, to depend on that speaker; with folds.dev=speakers "
            "folds.dev.count=2 they vary less.",
            {part: count for part, count in counts.items() if count},
            [f"{name}: {corpus.column('speaker')[_rows(folds, name)][0]}" for _, name in alone[:EXAMPLES]],
        )
    ]


def _rows(folds: Folds, wanted: str) -> np.ndarray:
    return next(rows for _, name, rows in _parts(folds) if name == wanted)


def _genders(corpus: Corpus, folds: Folds) -> list[Finding]:
    genders, speakers = corpus.column("gender"), corpus.column("speaker")
    if len(set(genders) - {""}) < 2:
        return []
    uneven: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, name, rows in _parts(folds):
        known = genders[rows][genders[rows] != ""]
        names, counts = np.unique(known, return_counts=True)
        if len(set(speakers[rows])) == 1 or not len(known):
            continue  # one speaker has one gender, which the finding above covers
        if len(names) < 2 or counts.min() / counts.sum() < LEAST_OF_A_GENDER:
            uneven[part].append(f"{name}: " + ", ".join(f"{n} {g}" for g, n in zip(names, counts.tolist(), strict=True)))
    counts = {part: len(found) for part, found in uneven.items() if found}
    if not counts:
        return []
    return [
        Finding(
            "gender balance",
            "warn" if "train" in counts else "info",
            f"The rarer gender makes up less than {percent(LEAST_OF_A_GENDER)} of the utterances in "
            + ", ".join(f"{count} {part} parts" for part, count in counts.items())
            + ".",
            "Read scores per gender; another folds.seed or more speakers per part may even it out.",
            counts,
            [example for found in uneven.values() for example in found[:EXAMPLES]],
        )
    ]
