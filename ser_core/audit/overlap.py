"""What the parts of a fold share but should not: speakers, sessions, texts, recordings.

each row has a key (its speaker, its text, its recording); keys may be similar (texts that differ in a word)
a row of one part is touched if the other part holds an equal or similar key
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.corpus.corpus import Corpus
from ser_core.folds import FOLDS, Fold, Folds
from ser_core.matching import Keys, equal, grouped

GIVEN = tuple(name for name, protocol in FOLDS.items() if protocol.given)
PAIRS = (("test", "train"), ("test", "dev"), ("dev", "train"))


@dataclasses.dataclass(frozen=True)
class Shared:
    """Where keys occur in two parts: touched rows by pair of parts, over all folds, and an example for the first few."""

    rows: dict[str, int]
    folds: int
    tested: int
    """Number of different utterances that are touched as test utterances."""
    examples: list[str]

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def counts(self) -> dict[str, int]:
        return {**self.rows, "folds": self.folds, "test utterances": self.tested}


def find_shared(corpus: Corpus, folds: Folds, keys: Keys, column: str = "") -> Shared:
    """Finds keys that parts of the folds share. Examples name utterances, or the values of `column`."""
    rows: dict[str, int] = {}
    hit: set[int] = set()
    tested: set[int] = set()
    examples: list[str] = []
    names = corpus.column("utterance")
    for fold, (part, other), mine, theirs in _pairs(folds):
        touched = keys.touched(mine, theirs)
        if not len(touched):
            continue
        rows[f"{part} and {other}"] = rows.get(f"{part} and {other}", 0) + len(touched)
        hit.add(fold.number)
        tested.update(touched.tolist() if part == "test" else [])
        if len(examples) < EXAMPLES:
            partner = keys.partner(int(touched[0]), theirs)
            what = f"{column} {corpus.column(column)[touched[0]]}: " if column else ""
            examples.append(f"fold {fold.number}: {what}{part} {names[touched[0]]} = {other} {names[partner]}")
    return Shared(rows, len(hit), len(tested), examples)


def _pairs(folds: Folds) -> Iterator[tuple[Fold, tuple[str, str], np.ndarray, np.ndarray]]:
    for (part, other), fold in itertools.product(PAIRS, folds.folds):
        yield fold, (part, other), getattr(fold, part), getattr(fold, other)


def people(corpus: Corpus, folds: Folds) -> list[Finding]:
    """Reports unknown speakers, and speakers and sessions that are in two parts of a fold."""
    findings = unknown_speakers(corpus, str(folds.protocol["protocol"]))
    speakers = find_shared(corpus, folds, equal(corpus.column("speaker")), "speaker")
    if speakers:
        tested = any(pair.startswith("test") for pair in speakers.rows)
        findings.append(
            Finding(
                "speaker overlap",
                "fail" if tested and folds.protocol["protocol"] not in GIVEN else "warn",
                f"In {speakers.folds} of {len(folds)} folds a speaker is in two parts: "
                f"{'scores are' if tested else 'development is'} not speaker-independent.",
                "Use speaker-disjoint folds (folds=lospo or kfold), or correct the corpus's speaker column.",
                speakers.counts,
                speakers.examples,
                "Wang et al. 2021, arXiv 2111.02735: 79.6 % speaker-dependent, 73.0 % speaker-independent on IEMOCAP",
            )
        )
    sessions = find_shared(corpus, folds, equal(corpus.column("session")), "session")
    if sessions:
        broken = folds.protocol["protocol"] == "loso" and any(pair.startswith("test") for pair in sessions.rows)
        findings.append(
            Finding(
                "session overlap",
                "fail" if broken else "warn",
                f"In {sessions.folds} of {len(folds)} folds a session is in two parts: they share room, dialogue and partner.",
                "Use folds=loso to hold out full sessions, and folds.dev=session to use a full session for development.",
                sessions.counts,
                sessions.examples,
            )
        )
    return findings


def unknown_speakers(corpus: Corpus, protocol: str) -> list[Finding]:
    """Reports unknown speakers; severe if the protocol separates speakers and you have not accepted it."""
    if not corpus.why_unknown:
        return []
    promised = protocol not in GIVEN
    names, speakers = corpus.column("utterance"), corpus.column("speaker")
    return [
        Finding(
            "unknown speakers",
            "fail" if promised and corpus.unknown_speakers != "each" else "warn",
            f"S{corpus.why_unknown[1:]}; folds={protocol} "
            + ("would be folds by utterance." if promised else "may have the same voice in several parts."),
            "Name the speakers (column speaker, corpus.speaker), or accept folds by utterance with corpus.unknown_speakers=each.",
            {"speakers": len(set(speakers.tolist())), "utterances": len(corpus)},
            [f"{names[row]}: {speakers[row]}" for row in range(min(EXAMPLES, len(corpus)))],
        )
    ]


def recordings(
    corpus: Corpus, folds: Folds, content: np.ndarray, pairs: list[tuple[int, int]], changed: Sequence[tuple[int, int]] = ()
) -> list[Finding]:
    """Reports recordings in two parts: by the hash of their samples and, beyond that, by their fingerprint and their picture."""
    exact = find_shared(corpus, folds, equal(content))
    near, other = (
        find_shared(corpus, folds, grouped([(a, b) for a, b in links if content[a] != content[b]], len(corpus)))
        for links in (pairs, changed)
    )
    findings = []
    for name, where, how in (
        ("identical audio", exact, "sample for sample"),
        ("near-duplicate audio", near, "apart from level, coding, trimming or soft noise"),
        ("changed copy", other, "apart from speed, tempo, pitch, noise or reverberation"),
    ):
        if where:
            findings.append(
                Finding(
                    name,
                    "fail",
                    f"In {where.folds} of {len(folds)} folds a recording is in two parts, the same {how}; "
                    f"{where.tested} test utterances ({percent(where.tested / len(corpus))}) were used before the test.",
                    "Remove the copies, or give copies the same speaker so that they stay together.",
                    where.counts,
                    where.examples,
                )
            )
    return findings
