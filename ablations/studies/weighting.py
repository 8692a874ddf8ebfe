"""Is there a better way to weigh the tasks than fixed weights?

    ser ablate weighting
Compares every weighting with fixed weights, with the same tasks.<name>.weight.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.weighting import WEIGHTINGS


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns fixed weights first; empty for a single task, which every weighting treats the same."""
    names = list(WEIGHTINGS) if len(config.tasks.settled(corpus).active()) > 1 else []
    return [Variant(name, (f"weighting={name}",)) for name in names]


STUDY = Study(name="weighting", question="Does any weighting of the tasks beat fixed weights?", variants=variants)
