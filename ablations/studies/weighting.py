"""Is there a better way to weigh the tasks than fixed weights?

    ser ablate weighting
Compares every weighting with fixed weights, with the same tasks.<name>.weight. The report adds what each costs.
"""

import statistics
from collections.abc import Sequence

from ablations.paired_study import PairedStudy
from ablations.section import Section
from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.weighting import WEIGHTINGS, WeightingOption

NOTES = (
    f"Cost of a step: {WeightingOption.cost_meaning}, measured once by tests/benchmarks/weightings.py. Methods that read each "
    "task's gradient need one more backward pass per task, so they cost more with more tasks.",
    "Seconds: of the clock, per epoch of this study's folds, median over folds and seeds; other work on the machine is in them.",
)


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns fixed weights first; empty for a single task, which every weighting treats the same."""
    names = list(WEIGHTINGS) if len(config.tasks.settled(corpus).active()) > 1 else []
    return [Variant(name, (f"weighting={name}",)) for name in names]


def sections(study: PairedStudy) -> Sequence[Section]:
    """Returns what a step of each weighting costs, and the seconds that an epoch took in this study."""
    rows = []
    for name, pairs in study.pairs.items():
        seconds = statistics.median(one.record.seconds / max(len(one.record.epochs), 1) for one in pairs.values())
        cost = WEIGHTINGS[name].cost if name in WEIGHTINGS else None
        rows.append((name, "—" if cost is None else f"{cost:.1f}", f"{seconds:.2f}"))
    return [Section("What each weighting costs", ("Weighting", "cost of a step", "seconds per epoch"), tuple(rows), NOTES)]


STUDY = Study(
    name="weighting",
    question="Does any weighting of the tasks beat fixed weights?",
    variants=variants,
    sections=sections,
)
