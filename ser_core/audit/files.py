"""What is wrong with the audio itself: unusable, possibly cut, clipped, too long, or duplicated."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ser_core.audio import Audio
from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.audit.listening import MOST_PICTURES, Heard
from ser_core.corpus.corpus import Corpus
from ser_core.matching import grouped

CLIPPED_RUN = 8
"""Consecutive samples at full scale from which an utterance counts as clipped. A peak scaled to 1 has one or two."""
CLIPPED_SHARE = 0.001
"""Share of samples at full scale from which an utterance counts as clipped."""
MANY = 0.05
"""Share of utterances from which a cut or clipped corpus is a warning; below, a note."""


def unusable(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Reports utterances with unusable audio, counted by kind of reason."""
    reasons = {name: each.reason for name, each in zip(corpus.column("utterance").tolist(), heard, strict=True) if each.reason}
    if not reasons:
        return []
    kinds = Counter(kind(reason) for reason in reasons.values())
    return [
        Finding(
            "unusable audio",
            "warn",
            f"{len(reasons)} of {len(corpus)} utterances have unusable audio: "
            + ", ".join(f"{count} {name}" for name, count in kinds.most_common())
            + ".",
            "`ser corpus check` lists them all; repair them, or leave them out with run.on_bad_audio=skip.",
            {"utterances": len(reasons), **kinds},
            [f"{name}: {reason}" for name, reason in reasons.items()][:EXAMPLES],
        )
    ]


def doubtful(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Reports utterances that may have been cut, because their files do not store their length."""
    doubts = {
        name: each.doubt
        for name, each in zip(corpus.column("utterance").tolist(), heard, strict=True)
        if each.doubt and not each.reason
    }
    if not doubts:
        return []
    return [
        Finding(
            "length unknown",
            "warn",
            f"{len(doubts)} utterances ({percent(len(doubts) / len(corpus))}) are in files of unknown length: "
            "everything that can be decoded is used, and a truncation would go unnoticed.",
            "Compare their durations with the corpus's own, or fetch files that were not written to a pipe.",
            {"utterances": len(doubts)},
            [f"{name}: {doubt}" for name, doubt in doubts.items()][:EXAMPLES],
        )
    ]


def kind(reason: str) -> str:
    """Returns the part of a reason that all files of its kind share.

    >>> kind("silent: never above 0.0001 of full scale"), kind("the segment 3.00 to 4.00 s lies outside 0 to 2.00 s")
    ('silent', 'segment outside its file')
    >>> kind("3601 s long; more than 3600 s are refused")
    'too long'
    """
    beginnings = {"the segment": "segment outside its file", "the header": "implausible header", "a sample rate": "sample rate"}
    if " s long" in reason:
        return "too long"
    return next((name for begin, name in beginnings.items() if reason.startswith(begin)), reason.partition(":")[0])


def clipped(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Reports utterances that were recorded or scaled beyond full scale."""
    hit = np.array([each.run >= CLIPPED_RUN or each.full_scale >= CLIPPED_SHARE for each in heard])
    if not hit.any():
        return []
    worst = sorted(np.flatnonzero(hit).tolist(), key=lambda row: -heard[row].run)
    names = corpus.column("utterance")
    return [
        Finding(
            "clipped audio",
            "warn" if hit.mean() >= MANY else "info",
            f"{hit.sum()} utterances ({percent(hit.mean())}) are clipped: {CLIPPED_RUN} samples at full scale in a row, "
            f"or {percent(CLIPPED_SHARE)} of all.",
            "Check whether clipping is more frequent in one class (loud anger); use the unscaled recordings, if any.",
            {"utterances": int(hit.sum()), "per class": _per_class(corpus, hit)},
            [f"{names[row]}: {heard[row].run} in a row, {percent(heard[row].full_scale)} of all" for row in worst[:EXAMPLES]],
        )
    ]


def longer(corpus: Corpus, heard: Sequence[Heard], audio: Audio) -> list[Finding]:
    """Reports utterances that `audio.max_seconds` cuts."""
    seconds = np.array([each.seconds for each in heard])
    hit = seconds > audio.max_seconds
    if not hit.any():
        return []
    row = int(seconds.argmax())
    return [
        Finding(
            "longer than is read",
            "warn" if hit.mean() >= MANY else "info",
            f"{hit.sum()} utterances ({percent(hit.mean())}) are longer than audio.max_seconds={audio.max_seconds:g} "
            f"and are cut; the longest has {seconds[row]:.1f} s.",
            "Raise audio.max_seconds, or say what was cut.",
            {
                "utterances": int(hit.sum()),
                "longest_seconds": round(float(seconds[row]), 2),
                "per class": _per_class(corpus, hit),
            },
            [f"{corpus.column('utterance')[row]}: {seconds[row]:.1f} s"],
        )
    ]


def duplicated(corpus: Corpus, content: np.ndarray, pairs: list[tuple[int, int]]) -> list[Finding]:
    """Reports recordings that are in the corpus more than once, in any fold; severe if their labels differ."""
    names, numbers = np.unique(content, return_inverse=True)
    first = {number: row for row, number in reversed(list(enumerate(numbers.tolist())))}
    equal = [(first[number], row) for row, number in enumerate(numbers.tolist()) if names[number] and first[number] != row]
    links = sorted({*equal, *pairs})
    if not links:
        return []
    groups = grouped(links, len(corpus)).numbers
    labels, utterances = corpus.column("emotion"), corpus.column("utterance")
    differing = [(one, other) for one, other in links if labels[one] != labels[other]]
    copies = int((groups >= 0).sum()) - len(set(groups[groups >= 0].tolist()))
    return [
        Finding(
            "duplicated audio",
            "warn" if differing else "info",
            f"{copies} utterances are copies of another, sample for sample or apart from level, trimming, speed or noise; "
            f"{len(differing)} pairs have different labels.",
            "Keep one of each: copies count twice in training and in the score.",
            {"copies": copies, "sample for sample": len(equal), "pairs with different labels": len(differing)},
            [
                f"{utterances[one]} ({labels[one]}) = {utterances[other]} ({labels[other]})"
                for one, other in [*differing, *links][:EXAMPLES]
            ],
        )
    ]


def too_many_for_copies(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Says that changed copies were not searched, in a corpus with too many utterances for that."""
    if len(heard) <= MOST_PICTURES:
        return []
    return [
        Finding(
            "changed copies not searched",
            "info",
            f"Copies at another speed or in noise were not searched, because more than {MOST_PICTURES:,} utterances take too "
            "much memory; copies apart from level, coding, trimming or soft noise were.",
            "Audit the sources of the corpus one by one to search each.",
            {"utterances": len(corpus)},
        )
    ]


def overlapping(corpus: Corpus) -> list[tuple[int, int]]:
    """Returns pairs of segments of one file that overlap in time: the same sound in two utterances, without fingerprints."""
    ends = [math.inf if math.isnan(end) else end for end in corpus.column("end").tolist()]
    starts = np.nan_to_num(corpus.column("start")).tolist()
    files = corpus.column("file").tolist()
    last: dict[str, int] = {}
    pairs = []
    for row in sorted(range(len(corpus)), key=lambda row: (files[row], starts[row])):
        before = last.get(files[row])
        if before is not None and starts[row] < ends[before]:
            pairs.append((min(before, row), max(before, row)))
        if before is None or ends[row] > ends[before]:
            last[files[row]] = row
    return pairs


def _per_class(corpus: Corpus, hit: np.ndarray) -> dict[str, str]:
    """Counts the hits of each class and its utterances."""
    labels = corpus.column("emotion")
    return {name or "unlabelled": f"{(hit & (labels == name)).sum()} of {(labels == name).sum()}" for name in np.unique(labels)}
