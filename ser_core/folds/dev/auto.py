"""The strictest rule that the corpus allows: its own part, else the test speaker's partner, else whole speakers."""

import dataclasses
from collections.abc import Sequence

from ser_core.corpus.corpus import Corpus
from ser_core.folds.dev.development import DevelopmentOption, Held
from ser_core.folds.dev.given import Given
from ser_core.folds.dev.partner import Partner
from ser_core.folds.dev.speakers import Speakers


@dataclasses.dataclass(frozen=True)
class Auto(DevelopmentOption):
    """Knobs of the automatic rule: none. The card says which rule it came to."""

    name: str = "auto"
    """This option's name."""

    def settled(self, corpus: Corpus, held: Sequence[Held]) -> DevelopmentOption:
        if all(one.given is not None and len(one.given) for one in held):
            return Given()
        return Partner() if all(_pairs(corpus, one) for one in held) else Speakers()


def _pairs(corpus: Corpus, held: Held) -> bool:
    """Whether one speaker is tested whose sessions all have one other, the same in all of them."""
    speakers, sessions = corpus.column("speaker"), corpus.column("session")
    tested = set(sessions[held.test].tolist())
    together = [set(speakers[sessions == name].tolist()) for name in tested]
    return "" not in tested and len(set(speakers[held.test].tolist())) == 1 and len(set().union(*together)) == 2
