"""`ser across`: reads finished ablations over several corpora, ranks their variants, and writes the table and the diagram.

<store>/studies/across-<hash>/      table.csv table.md diagram.svg diagram.png
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ablations.report.across import Across, CorpusStudy, across_metrics, across_section, across_to_csv, effects_section
from ablations.report.render import section_to_markdown, section_to_rich
from ablations.section import Section
from ablations.statistics.ranks import diagram
from ablations.verdict_metrics import check_metric, primary_metric
from cluster.conclude import complete_outcomes
from cluster.looks.study_looks import look_at
from cluster.study_record import StudyRecord, load_study
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError
from ser_core.metrics import less_is_better


def rank_across(console: Console, names: Sequence[str], folder: Path, metrics: Sequence[str]) -> None:
    """Implements `ser across`: prints a table and a conclusion in words per metric, and the folders with the files."""
    store = RunStore(folder)
    for metric in metrics:
        check_metric(metric)
    records = [load_study(store, name) for name in names]
    studies = [_corpus_study(record, store) for record in records]
    for found in across_metrics(studies, metrics or [_shared_metric(records, studies)]):
        sections = (across_section(found), effects_section(found))
        for part in (part for section in sections for part in section_to_rich(section)):
            console.print(part)
        place = _folder(store, records, found.metric)
        written = write_across(found, sections, place)
        listed = " and ".join([", ".join(written[:-1]), written[-1]])
        console.print(f"written    {place} ({listed})", highlight=False, soft_wrap=True, markup=False)


def _corpus_study(record: StudyRecord, store: RunStore) -> CorpusStudy:
    """Loads the outcomes of one ablation. Raises RecordError when the study is not an ablation or has missing folds."""
    outcomes = complete_outcomes(record, store)
    if record.kind != "ablation":
        raise RecordError(f"{record.id} is a {record.kind}; only ablations have variants to rank. List them with: ser studies")
    look_at(record, store, outcomes)
    return CorpusStudy(record.id, outcomes, record.mode, record.across)


def _shared_metric(records: Sequence[StudyRecord], studies: Sequence[CorpusStudy]) -> str:
    """Returns the metric that all studies are judged by. Raises SettingError when the studies disagree."""
    own = {study.named: primary_metric(record.primary, study.outcomes) for record, study in zip(records, studies, strict=True)}
    if len(set(own.values())) > 1:
        listed = "; ".join(f"{named} by {metric}" for named, metric in own.items())
        raise SettingError(f"the studies are judged by different metrics: {listed}. Choose one they all have with --metric NAME")
    return next(iter(own.values()))


def _folder(store: RunStore, records: Sequence[StudyRecord], metric: str) -> Path:
    """Returns the output folder. The order of the studies does not change it."""
    content = json.dumps([sorted(record.id for record in records), metric])
    return store.folder / "studies" / f"across-{hashlib.sha256(content.encode()).hexdigest()[:6]}"


def write_across(found: Across, sections: Sequence[Section], folder: Path) -> list[str]:
    """Writes the table as CSV and Markdown, and the diagram if Nemenyi's test was run. Returns the file names."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = diagram(found.scores, less_is_better(found.metric))
    files = {
        "table.csv": across_to_csv(found).encode(),
        "table.md": "\n".join(map(section_to_markdown, sections)).encode(),
        **{f"diagram.{kind}": page for kind, page in drawn.items()},
    }
    for stale in set(folder.glob("diagram.*")) - {folder / name for name in files}:
        stale.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(files)
