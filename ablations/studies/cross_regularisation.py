"""Do the two views of emotion, category and dimensions, regularise each other?

    ser ablate cross_regularisation
Each of emotion, dimensions and gender that the corpus allows alone, every pair, and all. The report adds what each task gains
on its own metric, beside the cosine of the tasks' gradients on the shared trunk.
"""

import itertools
from collections.abc import Sequence

from ablations.outcomes import Outcome
from ablations.report.figures import gains_and_cosines
from ablations.report.gains import METRICS, gain_cells, gain_columns, gains
from ablations.section import Section
from ablations.studies.tasks import ADDED_WEIGHT
from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus

NOTES = (
    "Gain is the task's own metric (UAR in points, mean CCC over dimensions) in company less alone, paired by seed and fold; "
    "± is half its 95 % interval (corrected resampled t), p is two-sided after Holm over the companies of the task.",
    "Cosine is that of two tasks' gradients on all that they share (every parameter outside the heads), mean over steps and "
    "epochs; in brackets the least and greatest of the folds and seeds. Above 0 the tasks pull alike, below 0 against each "
    "other; unrelated gradients in so many dimensions have a cosine near 0. It speaks of the training loss; the gain, of "
    "speakers never heard.",
)
CAPTION = (
    "Left: gain over the task alone with its 95 % interval. Right: cosine of the task's gradient with that of each companion, "
    "mean and range over folds and seeds."
)


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Single tasks first, emotion being the baseline, then pairs, then all; a task of weight 0 joins at ADDED_WEIGHT."""
    tasks = config.tasks.all()
    views = [name for name in METRICS if tasks[name].available(corpus)]
    watch = () if config.weighting.monitor else ("weighting.monitor=true",)
    found = []
    for count in range(1, len(views) + 1):
        for chosen in itertools.combinations(views, count):
            off = [f"tasks.{name}.weight=0" for name in tasks if name not in chosen]
            on = [f"tasks.{name}.weight={ADDED_WEIGHT}" for name in chosen if tasks[name].weight == 0]
            found.append(Variant(" + ".join(chosen), (*off, *on, *watch)))
    return found


def sections(outcomes: Sequence[Outcome]) -> Sequence[Section]:
    """Gains and cosines of every task in every company."""
    found = gains(outcomes)
    return [
        Section(
            title="What each task gains from the others",
            columns=gain_columns(found),
            rows=gain_cells(found),
            notes=NOTES,
            drawing=gains_and_cosines(found),
            caption=CAPTION,
        )
    ]


STUDY = Study(
    name="cross_regularisation",
    question="Do the tasks regularise each other, and do their gradients agree where they do?",
    variants=variants,
    sections=sections,
)
