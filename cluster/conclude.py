"""Concludes a finished study: builds its table for the terminal and its report on disk; MLflow gets both.

records --complete_outcomes--> outcomes --pair--> PairedStudy --compare--> table, sections --write_report--> files
"""

import contextlib
import dataclasses
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

from ablations.modes import caption
from ablations.outcomes import Outcome, with_mean
from ablations.paired_study import MARGIN, PairedStudy
from ablations.pairing import pair
from ablations.report.conclusions import concluding_sections, variance_sentence
from ablations.report.conditions import conditions_sections
from ablations.report.effects import effects_section
from ablations.report.reforms import reforms_checklist
from ablations.report.tables import StudyTable, study_table
from ablations.report.write_report import write_report
from ablations.section import Section
from ablations.studies import STUDIES
from ablations.verdict_metrics import verdict_metrics
from cluster.looks.plan_file import plan_sentence
from cluster.looks.study_looks import Judgement, look_at
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
def conclude(record: StudyRecord, store: RunStore, wanted: float = 0.0) -> tuple[StudyTable, Sequence[Section], dict[str, Path]]:
    """Builds the table and sections of an ablation or a run, and writes them as Markdown, CSV, LaTeX and HTML to its folder.

    `wanted` is the difference to plan seeds and folds for; 0 stands for the margin. Raises RecordError as `complete_outcomes`
    does and ComparisonError as `pair` does.
    """
    outcomes = complete_outcomes(record, store)
    metrics = verdict_metrics(record.metrics, record.primary, outcomes)
    for metric in metrics:
        outcomes = [with_mean(one, metric) for one in outcomes]
    paired = pair(outcomes, metric=metrics[0], across=record.across)
    # Only now, as outcomes that cannot be compared are not shown.
    judged = Judgement(metrics, record.margin or MARGIN, verdict_metrics((), record.primary, outcomes))
    looked = look_at(record, store, outcomes, judged)
    said = [*filter(None, (*looked.sentences, plan_sentence(record, store, looked.late_plan)))]
    study = dataclasses.replace(
        paired, further_metrics=metrics[1:], margin=judged.margin, level=looked.level, least_tests=looked.tests
    )
    table = _table(record, study, said)
    sections = (*record.added, *_own_sections(record, study), *concluding_sections(study, wanted))
    files = write_report(table, record.folder(store), sections)
    files["reforms"] = record.folder(store) / "reforms.md"
    files["reforms"].write_text(reforms_checklist(table, said), encoding="utf-8", newline="\n")
    return table, sections, files


def _table(record: StudyRecord, study: PairedStudy, looked: Sequence[str]) -> StudyTable:
    """Compares the variants, and adds what the record says about the study: its question, notes, command and overrides.

    `looked` are sentences about looks at its test speakers.
    """
    return study_table(
        study,
        title=record.name,
        question=caption(record.question, record.mode) if record.kind == "ablation" else record.question,
        notes=(*filter(None, [variance_sentence(study)]), *looked, *record.notes),
        command=record.command,
        overrides={trial.variant: [each for each in trial.overrides if each[:5] != "seed="] for trial in record.trials},
    )


def complete_outcomes(record: StudyRecord, store: RunStore) -> list[Outcome]:
    """Returns every fold of a finished study.

    Raises RecordError for a search, since its test parts stay sealed, and when folds are missing.
    """
    if record.sealed:
        remedy = "`ser select` chooses among its best trials and opens the test parts of the choice"
        raise RecordError(f"{record.id} is a {record.kind}: its test parts stay sealed; {remedy}")
    if missing := record.missing(store):
        raise RecordError(
            f"{record.id}: {len(missing)} of {len(record.keys)} folds are missing; train them with: {record.command}"
        )
    return record.outcomes(store)


def _own_sections(record: StudyRecord, study: PairedStudy) -> list[Section]:
    """Returns the sections specific to this study: its own, scores under conditions, effects of factors."""
    own = STUDIES[record.name].sections(study) if record.name in STUDIES else ()
    effects = effects_section(study, record.factorial) if record.factorial else ()
    return [*own, *conditions_sections(study), *effects]
