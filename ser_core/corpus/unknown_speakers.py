"""Whether a corpus knows its speakers: where (almost) every utterance names another one, it does not.

EmoBox's table gives each utterance of MER2023 and RESD a speaker; tables are made with the file name as speaker. Nobody can be
kept apart by such names: the same voice is in all parts of every split.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ACCEPTED = ("refuse", "each")
"""Values of the knob `unknown_speakers`: folds by speakers are refused, or each utterance is a speaker."""
ALMOST_ALL = 0.9
"""Share of utterances from which they count as all. In corpora of people who say one thing each, few say exactly one."""
FEWEST = 3
"""Utterances from which speakers can count as not known: two may well be by two people."""


def why_unknown(speakers: Sequence[str]) -> str:
    """Why speakers count as not known; "" where they are known.

    >>> why_unknown(["a", "b", "c"]), why_unknown(["a", "b", "a"])
    ('speakers are not known: every utterance names another speaker', '')
    """
    counts = Counter(speakers)
    alone = sum(counts[speaker] == 1 for speaker in speakers)
    if len(speakers) < FEWEST or alone < ALMOST_ALL * len(speakers):
        return ""
    every = "every utterance names" if alone == len(speakers) else "almost every utterance names"
    return f"speakers are not known: {every} another speaker"


def named_after_files(speakers: Sequence[str], files: Sequence[str]) -> list[str]:
    """A sentence where speakers are called like the files they speak in; none where they are not.

    >>> len(named_after_files(["a", "a", "b"], ["/x/a.wav", "/x/a.wav", "/x/b.wav"])), named_after_files(["a"], ["/x/a1.wav"])
    (1, [])
    """
    alike = sum(speaker in (file, Path(file).name, Path(file).stem) for speaker, file in zip(speakers, files, strict=True))
    if len(set(speakers)) < 2 or alike < ALMOST_ALL * len(speakers):
        return []
    return ["speakers are called like their files: a voice that is in several files counts as several speakers"]
