"""Which task earns its place next to the others?

    ser ablate tasks
Compares the configured tasks with the same tasks minus one, and with each helper task added at weight 0.1.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus

ADDED_WEIGHT = 0.1
"""Weight that published systems use for helper tasks (Cai 2021, Gao 2024, MMER 2023)."""


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the baseline, a variant without each optional task, and a variant with each further task that the corpus allows."""
    offered = config.tasks.offered(corpus, config.model.channels)
    active = [name for name in config.tasks.active() if name in offered]
    absent = [name for name in offered if name not in active]
    without = [name for name in active if name != "emotion"]
    return [
        Variant(" + ".join(active)),
        *(Variant(f"without {name}", (f"tasks.{name}.weight=0",)) for name in without),
        *(Variant(f"with {name}", (f"tasks.{name}.weight={ADDED_WEIGHT}",)) for name in absent),
    ]


def notices(config: Config, corpus: Corpus) -> Sequence[str]:
    """Returns a notice on the tasks that corpus and channels do not support."""
    offered = config.tasks.offered(corpus, config.model.channels)
    absent = [name for name in config.tasks.all() if name not in offered]
    return [f"study tasks does not compare {', '.join(absent)}: the corpus or the channels lack what they need"] if absent else []


STUDY = Study(name="tasks", question="Which helper task changes emotion recognition?", variants=variants, notices=notices)
