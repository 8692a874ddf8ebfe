"""Leave one speaker out: each speaker is tested once, by a model that was not trained on this speaker."""

import dataclasses
from collections.abc import Iterator

from ser_core.corpus.corpus import Corpus
from ser_core.folds.dev.development import Held
from ser_core.folds.protocol import FoldsOption, held_out_by


@dataclasses.dataclass(frozen=True)
class LeaveOneSpeakerOut(FoldsOption):
    """One fold per speaker."""

    name: str = "lospo"
    """This option's name."""

    def held(self, corpus: Corpus) -> Iterator[Held]:
        return held_out_by(corpus, "speaker")
