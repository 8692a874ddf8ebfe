"""Do the two views of emotion (categories and dimensions) regularise each other?

    ser ablate cross_regularisation
Trains emotion, dimensions and gender (as far as the corpus has labels) alone, in pairs, and together. The report adds the gain
of each task on its own metric, next to the cosine of the tasks' gradients on the shared trunk.
"""

import itertools
from collections.abc import Sequence

from ablations.paired_study import PairedStudy
from ablations.report.figures import gains_and_cosines
from ablations.report.gains import cosines_by_epoch, gain_cells, gain_columns, gains, matrix
from ablations.section import Section
from ablations.studies.tasks import ADDED_WEIGHT
from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus

NOTES = (
    "Gain is the task's own metric (UAR in points, mean CCC over dimensions) in joint training minus training alone, paired by "
    "seed and fold; ± is half its 95 % interval (corrected resampled t), p is two-sided after Holm over the combinations of the "
    "task.",
    "Cosine compares the gradients of two tasks on all shared parameters (those outside the heads), as a mean over steps and "
    "epochs. Brackets show the minimum and maximum over folds and seeds. Above 0 the tasks agree, below 0 they conflict; "
    "with so many parameters, unrelated gradients have a cosine near 0. The cosine describes the training loss; the gain "
    "describes unseen speakers.",
)
MATRIX = (
    "Each cell: the metric of the row's task when trained with the column's task, minus the metric when trained alone, on the "
    "same folds and seeds; ± is half the width of its 95 % interval (corrected resampled t). The table below has p after Holm."
)
COURSE = (
    "Cosine of the two tasks' gradients on all shared parameters, mean over the steps of an epoch, then over folds and seeds; in "
    "brackets the standard deviation between folds and seeds. Folds train for different numbers of epochs, so columns are shares "
    "of each fold's epochs."
)
CAPTION = (
    "Left: gain over the task alone with its 95 % interval. Right: cosine of the task's gradient with that of each other task, "
    "mean and range over folds and seeds."
)


VIEWS = ("emotion", "dimensions", "gender")
"""The tasks that are combined. Each adds a factor of two to the variants."""


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns single tasks first (emotion is the baseline), then pairs, then all. A task of weight 0 gets ADDED_WEIGHT."""
    tasks = config.tasks.all()
    views = [name for name in VIEWS if tasks[name].available(corpus)]
    watch = () if config.weighting.monitor else ("weighting.monitor=true",)
    found = []
    for count in range(1, len(views) + 1):
        for chosen in itertools.combinations(views, count):
            off = [f"tasks.{name}.weight=0" for name in tasks if name not in chosen]
            on = [f"tasks.{name}.weight={ADDED_WEIGHT}" for name in chosen if tasks[name].weight == 0]
            found.append(Variant(" + ".join(chosen), (*off, *on, *watch)))
    return found


def sections(study: PairedStudy) -> Sequence[Section]:
    """Returns the matrix of gains, gains and cosines of every task in every combination, and cosines by epoch."""
    found, (epochs, course) = gains(study), cosines_by_epoch(study)
    by_epoch = Section("Cosines in the course of training", epochs, course, (COURSE,), on_terminal=False)
    return [
        Section("What the task of a row gains from the task of a column", *matrix(found), (MATRIX,)),
        Section(
            title="What each task gains from the others",
            columns=gain_columns(found),
            rows=gain_cells(found),
            notes=NOTES,
            drawing=gains_and_cosines(found),
            caption=CAPTION,
        ),
        *([by_epoch] if course else []),
    ]


STUDY = Study(
    name="cross_regularisation",
    question="Do the tasks regularise each other, and do the gradients of those that do agree?",
    variants=variants,
    sections=sections,
)
