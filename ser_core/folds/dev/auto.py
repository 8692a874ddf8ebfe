"""The strictest development rule that the corpus and the protocol allow; the protocol card names the chosen one.

the corpus's own part (official, emobox) > the test speaker's partner > another session, if sessions are held out > a speaker
If speakers are unknown and you accept that (corpus.unknown_speakers=each), the development set is random utterances.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import DevelopmentOption, Held
from ser_core.folds.dev.given import Given
from ser_core.folds.dev.partner import Partner
from ser_core.folds.dev.session import Session
from ser_core.folds.dev.speakers import Speakers
from ser_core.folds.dev.utterances import Utterances


@dataclasses.dataclass(frozen=True)
class Auto(DevelopmentOption):
    """The automatic rule; it has no settings."""

    name: str = "auto"
    """This option's name."""

    def settled(self, corpus: Corpus, held: Sequence[Held]) -> DevelopmentOption:
        if all(one.given is not None and len(one.given) for one in held):
            return Given()
        if corpus.why_unknown:
            return _by_utterance(corpus)
        if all(_paired(corpus, one) for one in held):
            return Partner()
        return Session() if all(_apart(corpus, one) for one in held) else Speakers()


def _by_utterance(corpus: Corpus) -> DevelopmentOption:
    """Returns the rule for unknown speakers. Raises CorpusError unless you accept them."""
    if corpus.unknown_speakers == "each":
        return Utterances()
    raise CorpusError(
        f"corpus {corpus.name}: {corpus.why_unknown}, so folds.dev=auto finds no development speakers; name the speakers "
        "(column speaker, corpus.speaker), or choose folds.dev=utterances, or folds.dev=none with optim.epochs fixed"
    )


def _paired(corpus: Corpus, held: Held) -> bool:
    """Whether a single speaker is tested who has the same single partner in every session, and the partner is not tested."""
    speakers, sessions = corpus.column("speaker"), corpus.column("session")
    tested, there = set(speakers[held.test].tolist()), set(sessions[held.test].tolist())
    present = set(speakers[np.isin(sessions, list(there))].tolist())
    return "" not in there and len(tested) == 1 and len(present) == 2 and present - tested <= set(speakers[held.outside].tolist())


def _apart(corpus: Corpus, held: Held) -> bool:
    """Whether no session is tested in part, and at least two other sessions exist."""
    sessions = corpus.column("session")
    outside = set(sessions[held.outside].tolist())
    return "" not in outside and len(outside) > 1 and not outside & set(sessions[held.test].tolist())
