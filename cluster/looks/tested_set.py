"""What a study tests, as hashes: the utterances and labels of each speaker, whatever the split and the transcripts are.

predictions (utterance, speaker, emotion.target | ratings) --sha256--> {speaker: [utterance and label]} --sha256--> digest
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from ablations.outcomes import Outcome

Tested = dict[str, list[str]]
DIGITS, EARLIER_DIGITS = 16, 8
"""Hexadecimal digits of a hash now and in sets of earlier versions: 32 bits match by chance in two corpora of 45,000."""


def hash_tested(outcomes: Sequence[Outcome]) -> Tested:
    """Returns the tested utterances with their labels by speaker, all as hashes, sorted.

    One outcome per split and fold suffices, since all variants of a study are tested on the same utterances.
    """
    folds = {(one.record.key.split, one.record.key.fold): one for one in reversed(outcomes)}
    return hash_tables([one.test.predictions for one in folds.values()])


def hash_tables(tables: Iterable[pd.DataFrame]) -> Tested:
    """Returns what `hash_tested` does, from tables in the columns of TestPart.predictions."""
    found: dict[str, set[str]] = {}
    for table in tables:
        labels = _labels(table)
        for speaker, utterance, label in zip(table["speaker"], table["utterance"], labels, strict=True):
            found.setdefault(_short(str(speaker)), set()).add(_short(f"{utterance}\0{label}"))
    return {speaker: sorted(found[speaker]) for speaker in sorted(found)}


def digest_of(tested: Mapping[str, Sequence[str]]) -> str:
    """Returns the hash of all tested utterances and labels, without regard to speakers."""
    return hashlib.sha256(json.dumps(sorted(each for group in tested.values() for each in group)).encode()).hexdigest()[:16]


def digests_of(tested: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Returns the hash of a tested set, and the one that an earlier version gave it."""
    return digest_of(tested), digest_of(shortened(tested))


def shortened(tested: Mapping[str, Sequence[str]]) -> Tested:
    """Returns the tested set as earlier versions wrote it."""
    short = {speaker: sorted({each[:EARLIER_DIGITS] for each in group}) for speaker, group in tested.items()}
    return {speaker[:EARLIER_DIGITS]: group for speaker, group in short.items()}


def shared_speakers(now: Mapping[str, Sequence[str]], before: Mapping[str, set[str]]) -> set[str]:
    """Returns the speakers of `now` of whom at least one utterance, with the same label, is in `before`.

    Hashes of an earlier version are shorter and match by their beginning.

    >>> shared_speakers({"a": ["1", "2"], "b": ["3"]}, {"c": {"2", "9"}})
    {'a'}
    """
    seen = set().union(*before.values())
    short = {each for each in seen if len(each) == EARLIER_DIGITS}
    return {
        speaker
        for speaker, utterances in now.items()
        if not seen.isdisjoint(utterances) or not short.isdisjoint(each[:EARLIER_DIGITS] for each in utterances)
    }


def _labels(table: pd.DataFrame) -> Sequence[str]:
    """Returns the label of each utterance: its emotion, or its ratings if no emotion is predicted."""
    if "emotion.target" in table:
        return [str(label) for label in table["emotion.target"]]
    rated = sorted(name for name in map(str, table.columns) if name.startswith("dimensions.") and name.endswith(".target"))
    rows = np.column_stack([np.asarray(table[name], float) for name in rated]) if rated else np.zeros((len(table), 0))
    return [",".join(f"{value:.4g}" for value in row) for row in rows]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
