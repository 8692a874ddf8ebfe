"""When a corpus counts as one with unknown speakers: if (almost) every utterance names a different one.

EmoBox's table gives each utterance of MER2023 and RESD its own speaker, and some tables use the file name as speaker. Such
names cannot separate speakers: the same voice is in all parts of every split.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ACCEPTED = ("refuse", "each")
"""Values of the setting `unknown_speakers`: folds by speaker are refused, or each utterance is a speaker."""
ALMOST_ALL = 0.9
"""Share of utterances that counts as all. In a corpus with one utterance per person, a few people may have more."""
FEWEST = 3
"""Minimum number of utterances for speakers to count as unknown; two may well be by two people."""


def why_unknown(speakers: Sequence[str]) -> str:
    """Explains why speakers count as unknown; "" if they are known.

    >>> why_unknown(["a", "b", "c"]), why_unknown(["a", "b", "a"])
    ('speakers are not known: every utterance names another speaker', '')
    """
    counts = Counter(speakers)
    alone = sum(counts[speaker] == 1 for speaker in speakers)
    if len(speakers) < FEWEST or alone < ALMOST_ALL * len(speakers):
        return ""
    every = "every utterance names" if alone == len(speakers) else "almost every utterance names"
    # The protocol card repeats this sentence, and cards must be equal to be compared: do not reword it.
    return f"speakers are not known: {every} another speaker"


def named_after_files(speakers: Sequence[str], files: Sequence[str]) -> list[str]:
    """Returns a sentence if speakers have the names of their files; [] otherwise.

    >>> len(named_after_files(["a", "a", "b"], ["/x/a.wav", "/x/a.wav", "/x/b.wav"])), named_after_files(["a"], ["/x/a1.wav"])
    (1, [])
    """
    matches = sum(speaker in (file, Path(file).name, Path(file).stem) for speaker, file in zip(speakers, files, strict=True))
    if len(set(speakers)) < 2 or matches < ALMOST_ALL * len(speakers):
        return []
    return ["speakers have the names of their files, so a person who speaks in several files counts as several speakers"]
