"""What a finished study says: its table on the terminal, its report on disk, both in MLflow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ablations.conditions import conditions_sections
from ablations.report import write_report
from ablations.section import Section
from ablations.studies import STUDIES
from ablations.tables import StudyTable, study_table
from cluster.study_record import StudyRecord
from ser_core.errors import RecordError
from ser_core.records import RunStore


def conclude(study: StudyRecord, store: RunStore) -> tuple[StudyTable, Sequence[Section], dict[str, Path]]:
    """The table of an ablation or a run and the study's own sections, written as Markdown, CSV, LaTeX and HTML into its folder.

    Raises RecordError for a search, whose test parts stay sealed, and ComparisonError while folds are missing.
    """
    if study.kind == "search":
        raise RecordError(f"{study.id} is a search: its test parts stay sealed; `ser ablate` and `ser run` make tables")
    outcomes = study.outcomes(store)
    missing = study.missing(store)
    if missing:
        raise RecordError(
            f"{study.id}: {len(missing)} of {len(study.keys)} folds are missing; the same command trains them: {study.command}"
        )
    overrides = {trial.variant: [each for each in trial.overrides if each[:5] != "seed="] for trial in study.trials}
    table = study_table(
        outcomes,
        title=study.name,
        question=study.question,
        across=study.across,
        notes=study.notes,
        primary=_primary(study, outcomes[0].test.metrics),
        command=study.command,
        overrides=overrides,
    )
    own = STUDIES[study.name].sections(outcomes) if study.name in STUDIES else ()
    sections = [*own, *conditions_sections(table, outcomes)]
    return table, sections, write_report(table, outcomes, study.folder(store), sections)


def _primary(study: StudyRecord, metrics: Mapping[str, float]) -> str:
    """The study's primary metric, or the first there is when its task is off."""
    return study.primary if study.primary in metrics else next(iter(metrics))
