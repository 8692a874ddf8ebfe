"""No speaker and no script is in two parts: speakers or sessions crossed with groups of sentences, scripts or scenarios.

             script group 1   script group 2
    session 1    test              -            fold 1: trains on neither session 1 nor group 1; "-" is left out
    session 2     -              train
In IEMOCAP, 49 % of scripted utterances have a near duplicate in another session (computed on the 5531 utterances of four
classes), so folds by speakers alone let a text encoder learn the scripts.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption
from ser_core.options import at_least, one_of


@dataclasses.dataclass(frozen=True)
class ScriptDisjoint(FoldsOption):
    """Tests every speaker (or session) times every group of scripts once."""

    name: str = "script_disjoint"
    """This option's name."""
    by: str = "speaker"
    """What is held out together with the scripts: speaker or session."""
    groups: int = 2
    """Groups of scripts, at least 2. More groups leave more training data but make more folds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "by", ("speaker", "session"))
        at_least(self, "groups", 2)

    def held(self, corpus: Corpus) -> Iterator[Held]:
        voices, speakers, group = corpus.column(self.by), corpus.column("speaker"), self._grouped(corpus)
        for voice in sorted(set(voices.tolist())):
            strangers = ~np.isin(speakers, speakers[voices == voice])
            for number in range(self.groups):
                test = np.flatnonzero((voices == voice) & (group == number))
                if len(test):
                    words = f"{self.by} {voice}, script group {number + 1}"
                    yield Held(words, test, np.flatnonzero(strangers & (group != number)))

    def _grouped(self, corpus: Corpus) -> np.ndarray:
        """Assigns each utterance a script group: scripts in a seeded order, each to the smallest group so far."""
        scripts = corpus.column("script")
        names, counts = np.unique(scripts, return_counts=True)
        if "" in names or len(names) < self.groups or (corpus.column(self.by) == "").any():
            known = "no script for some utterances" if "" in names else f"{len(names)} scripts"
            raise CorpusError(
                f"folds=script_disjoint needs a {self.by} and a script for every utterance, and folds.groups={self.groups} "
                f"at least that many scripts; corpus {corpus.name} has {known}: use folds=text_disjoint"
            )
        sizes, group = [0] * self.groups, np.zeros(len(corpus), int)
        # A seeded order, so that folds.seed gives other groups; the smallest group first, so that the sizes stay close.
        for index in np.random.default_rng(self.seed).permutation(len(names)):
            smallest = int(np.argmin(sizes))
            sizes[smallest] += int(counts[index])
            group[scripts == names[index]] = smallest
        return group
