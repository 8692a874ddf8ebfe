"""Concludes a finished study: builds its table for the terminal and its report on disk; MLflow gets both."""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

from ablations.modes import caption
from ablations.outcomes import Outcome, metrics_of, variants_of
from ablations.report.conclusions import WANTED, concluding_sections, scatter_of, variance_sentence
from ablations.report.conditions import conditions_sections
from ablations.report.effects import effects_section
from ablations.report.tables import StudyTable, study_table
from ablations.report.write_report import write_report
from ablations.section import Section
from ablations.studies import STUDIES
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Pauses garbage collection. Thousands of records trigger it again and again, and it finds nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_uncollected()
def conclude(
    study: StudyRecord, store: RunStore, wanted: float = WANTED
) -> tuple[StudyTable, Sequence[Section], dict[str, Path]]:
    """Builds the table and sections of an ablation or a run, and writes them as Markdown, CSV, LaTeX and HTML to its folder.

    `wanted` is the difference to detect; the advice on seeds and folds refers to it. Raises RecordError as `whole_outcomes` does.
    """
    outcomes = whole_outcomes(study, store)
    overrides = {trial.variant: [each for each in trial.overrides if each[:5] != "seed="] for trial in study.trials}
    primary, baseline = primary_metric(study.primary, outcomes), variants_of(outcomes)[0]
    said = variance_sentence(scatter_of(outcomes, baseline, primary, study.across), wanted)
    table = study_table(
        outcomes,
        title=study.name,
        question=caption(study.question, study.mode) if study.kind == "ablation" else study.question,
        across=study.across,
        notes=(*filter(None, [said]), *study.notes),
        primary=primary,
        command=study.command,
        overrides=overrides,
    )
    concluding = concluding_sections(outcomes, baseline, primary, study.across, wanted)
    sections = (*study.added, *_own_sections(study, table, outcomes), *concluding)
    return table, sections, write_report(table, outcomes, study.folder(store), sections)


def whole_outcomes(study: StudyRecord, store: RunStore) -> list[Outcome]:
    """Returns every fold of a finished study.

    Raises RecordError for a search, since its test parts stay sealed, and when folds are missing.
    """
    if study.sealed:
        remedy = "`ser select` chooses among its best trials and opens the test parts of the choice"
        raise RecordError(f"{study.id} is a {study.kind}: its test parts stay sealed; {remedy}")
    if missing := study.missing(store):
        raise RecordError(f"{study.id}: {len(missing)} of {len(study.keys)} folds are missing; train them with: {study.command}")
    return study.outcomes(store)


def _own_sections(study: StudyRecord, table: StudyTable, outcomes: Sequence[Outcome]) -> list[Section]:
    """Returns the sections specific to this study: stored tables, scores under conditions, effects of factors."""
    own = STUDIES[study.name].sections(outcomes) if study.name in STUDIES else ()
    effects = effects_section(outcomes, study.factorial, table.primary) if study.factorial else ()
    return [*own, *conditions_sections(table, outcomes), *effects]


def primary_metric(wanted: str, outcomes: Sequence[Outcome]) -> str:
    """Returns the metric for the verdicts: the study's own, or a fallback when the baseline does not have it.

    The fallback is the first metric in the order of the table: UAR, WA, macro-F1 and CCC, then the UAR of a helper task.
    """
    first = [one for one in outcomes if one.variant == outcomes[0].variant]
    measured = metrics_of(first)
    return wanted if wanted in measured else measured[0]
