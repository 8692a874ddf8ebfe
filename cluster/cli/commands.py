"""Implements the commands of `ser`: each runs a study, prints its table, and shows where the files are."""

import contextlib
import dataclasses
import math
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ablations.modes import Mode
from ablations.paired_study import MARGIN
from ablations.report.render import section_to_rich, to_rich
from ablations.statistics.words import counted
from ablations.study import Study
from ablations.verdict_metrics import check_metric, check_size
from cluster.conclude import conclude
from cluster.earlier_records import earlier_versions
from cluster.json_file import check_json_file, write_json_file
from cluster.launch.package_folder import check_lasting
from cluster.looks.plan_file import PlanAsked, planned_as, write_plan
from cluster.looks.study_looks import look_partly
from cluster.notices import plan_with_notices, print_deviations, print_licence, print_notices
from cluster.retuned import retune
from cluster.run_study import StudyResult, Watch, check_study, plan_ablation, run_ablation
from cluster.study_record import StudyRecord, load_study, study_id
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.trial import Trial
from cluster.tune.extraction import extracting_on
from cluster.tune.resources import split_overrides, store_of
from ser_core.config.compose import compose
from ser_core.config.published_system import named_systems
from ser_core.config.tree import GROUPS, Config
from ser_core.config.without_effect import settings_without_effect
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import RunStore
from ser_core.errors import CorpusError


@contextlib.contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Shows a progress bar on a terminal. Elsewhere it prints each stage, and one line a minute while folds train."""
    if not console.is_terminal:
        lines = Lines(file=console.file)
        try:
            yield lines
        finally:
            lines.end()
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        line = progress.add_task("", total=None)
        yield lambda done, total, what: progress.update(line, completed=done, total=total or None, description=what)


class Lines:
    """Prints each stage at once, and of the progress in between the first line, one per `seconds`, and the last."""

    def __init__(self, seconds: float = 60.0, file: IO[str] | None = None) -> None:
        self.seconds, self.file = seconds, file
        self._last, self._printed, self._waiting = (-1, -1), -math.inf, ""

    def __call__(self, done: int, total: int, what: str) -> None:
        text = f"{done}/{total} {what}" if total else what
        stage, now = (done, total) == (0, 0) or total != self._last[1], time.monotonic()
        due = stage or now - self._printed >= self.seconds or (done == total and self._last[0] != done)
        self._last, self._waiting = (done, total), "" if due else text
        if due:
            self._printed = now
            print(text, file=self.file, flush=True)

    def end(self) -> None:
        """Prints the last line, if it has been held back."""
        if self._waiting:
            print(self._waiting, file=self.file, flush=True)


@dataclasses.dataclass(frozen=True)
class Judged:
    """What the verdicts of a study are about."""

    metrics: tuple[str, ...] = ()
    """Metrics with a verdict; () stands for the study's own and every dimension that is trained."""
    margin: float | None = None
    """Smallest difference that matters; None stands for the default, or for what the study was given when it ran."""

    def __post_init__(self) -> None:
        for metric in self.metrics:
            check_metric(metric)
        if self.margin is not None:
            check_size("--margin", self.margin, self.metrics)

    def of(self, record: StudyRecord) -> StudyRecord:
        """Returns the record with these metrics and margin, as far as they are given."""
        return dataclasses.replace(record, metrics=self.metrics or record.metrics, margin=self.margin or record.margin)

    @property
    def words(self) -> str:
        """Command-line options that say this, with a space in front; empty for the defaults."""
        margin = [f"--margin={self.margin:g}"] if self.margin not in (None, MARGIN) else []
        return "".join(f" {shlex.quote(word)}" for word in (*(f"--metric={name}" for name in self.metrics), *margin))


def ablate_study(
    console: Console,
    study: Study,
    overrides: Sequence[str],
    seeds: int,
    mode: Mode,
    judged: Judged | None = None,
    planned: PlanAsked | None = None,
) -> int:
    """Implements `ser ablate`. Returns 0 when the table is complete and 1 when folds failed."""
    base, cluster = split_overrides(overrides)
    judged = judged or Judged()
    check_lasting(store_of(base))
    check_study(study, base, seeds, mode)
    with watching(console) as watch, extracting_on(cluster, store_of(base)):
        if mode.name == "retuned":
            study = retune(study, base, mode, cluster, watch, lambda done: update_dashboard(done.tracker, done, {}))
        record, store = plan_ablation(study, base, seeds, watch, mode, judged.metrics)
        record = dataclasses.replace(judged.of(record), command=record.command + judged.words)
        print_notices(cluster.without_effect_in("ablate", any(trial.pack == 0 for trial in record.trials)))
        if planned:
            digest = write_plan(record, store, planned_as(record, planned))
            console.print(
                f"plan       {record.folder(store) / 'plan.json'} (sha256 {digest[:12]})", highlight=False, soft_wrap=True
            )
        finished = run_ablation(record, store, cluster, watch)
    return conclude_study(console, finished)


def run_one(console: Console, overrides: Sequence[str]) -> None:
    """Implements `ser run`: trains one configuration in this process, fold by fold, without Ray."""
    finished, _ = cross_validate_one(console, overrides, "run")
    conclude_study(console, finished)


def cross_validate_one(console: Console, overrides: Sequence[str], verb: str) -> tuple[StudyResult, Plan]:
    """Trains the missing folds of one configuration in this process and saves the study of the run."""
    base, cluster = split_overrides(overrides)
    check_lasting(store_of(base))
    with watching(console) as watch:
        watch(0, 0, "reading the corpus and its features")
        planned, notices = plan_with_notices(base)
        print_notices(cluster.without_effect_in(verb))
        notes = (*notices, *print_deviations([base]))
        store = RunStore(planned.config.run.store)
        record = _run_record(base, planned, notes)
        print_notices(earlier_versions(record, store))
        uri, trained = tracking_uri(store, cluster.tracking), 0
        for event in cross_validate(planned.config, planned=planned, store=store):
            if isinstance(event, FoldResult):
                trained += event.trained
                watch(event.record.key.fold, len(planned.folds), f"fold {event.record.key.fold} is done")
        record.save(store)
        tracker = Tracker(record, store, uri, show_test=True)
    return StudyResult(record, store, trained, len(planned.keys) - trained, [], tracker), planned


def _run_record(base: list[str], planned: Plan, notes: tuple[str, ...]) -> StudyRecord:
    """Returns the study record of a single run."""
    name = f"{planned.config.corpus.name} {planned.config.model.fusion.name}"  # type: ignore[attr-defined]
    trial = Trial(name, planned.config.seed, tuple(base), tuple(planned.keys))
    question = "How well does this configuration do on speakers it has never heard?"
    command = shlex.join(["ser", "run", *base])
    return StudyRecord(study_id("run", planned.keys), "run", "run", question, "uar", base, [trial], command, notes=notes)


def report_study(console: Console, name: str, folder: Path, wanted: float | None = None, judged: Judged | None = None) -> None:
    """Implements `ser report`: prints the table of a study and writes its report from records only."""
    judged = judged or Judged()
    if wanted is not None:
        check_size("--detect", wanted, judged.metrics)
    store = RunStore(folder)
    record = load_study(store, name)
    print_report(console, judged.of(record), store, wanted or 0.0)


def check_corpus(console: Console, overrides: Sequence[str]) -> int:
    """Implements `ser corpus check`. Returns 0 when every file can be used and 1 otherwise."""
    from ser_core.corpus.check import check_audio
    from ser_core.dataset.channels import shortest_audio

    base, cluster = split_overrides(overrides)
    config = compose(base)
    corpus = config.corpus.read(config.cache)
    print_licence(config)
    print_notices([*corpus.notices, *settings_without_effect(config, corpus, base), *cluster.without_effect_in("corpus")])
    checked = check_audio(corpus, config.audio, shortest_audio(config) or 1, progress=True)
    for utterance, reason in sorted((checked.doubtful | checked.unusable).items()):
        console.print(f"{utterance}: {reason}", highlight=False, soft_wrap=True, markup=False)
    doubts = f", {len(checked.doubtful)} of unknown length" if checked.doubtful else ""
    console.print(escape(f"{corpus.name}: {len(corpus)} utterances, {len(checked.unusable)} with unusable audio{doubts}"))
    return 1 if checked.unusable else 0


def audit_corpus(console: Console, overrides: Sequence[str], file: Path | None) -> int:
    """Implements `ser corpus audit`. Returns 0 when no finding breaks the split; warnings are allowed."""
    from ser_core.audit import audit

    check_json_file(file)
    base, cluster = split_overrides(overrides)
    config = compose(base)
    audited = audit(config, base, progress=True)
    print_licence(config)
    print_notices([*audited.notices, *cluster.without_effect_in("corpus")])
    colours = {"fail": "red", "warn": "yellow", "info": "dim"}
    table = Table("", "finding", "what was found", "what to do", show_lines=True)
    for finding in audited.findings:
        found = "\n".join([finding.found, *(f"  {example}" for example in finding.examples), *filter(None, [finding.source])])
        table.add_row(f"[{colours[finding.severity]}]{finding.severity}[/]", finding.name, escape(found), escape(finding.remedy))
    console.print(table if audited.findings else "nothing found")
    write_json_file(file, audited.plain())
    spent = ", ".join(f"{check} {seconds:.1f}" for check, seconds in audited.seconds.items())
    console.print(f"seconds of the processor: {spent}", highlight=False, soft_wrap=True, markup=False)
    counts = [sum(finding.severity == severity for finding in audited.findings) for severity in colours]
    summary = f"{audited.utterances} utterances, {audited.protocol}, hash of the folds {audited.split}"
    warned = f", {counted(counts[1], 'warning')}" if counts[1] else ""
    verdict = f"passed{warned}" if audited.passed else "failed: the split does not test what its protocol claims"
    console.print(
        f"{audited.corpus}: {summary}; {counts[0]} fail, {counts[1]} warn, {counts[2]} info; {verdict}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    return 0 if audited.passed else 1


def print_card(console: Console, overrides: Sequence[str]) -> None:
    """Implements `ser corpus card`: prints the protocol card."""
    base, cluster = split_overrides(overrides)
    try:
        card = plan_with_notices(base)[0].card
    except CorpusError:
        _print_lines(console, _card_without_folds(compose(base)))
        raise
    print_notices(cluster.without_effect_in("corpus"))
    _print_lines(console, card)
    for made in named_systems([base], GROUPS):
        _print_lines(console, {"system": made.system.name if made.system else "", "folds": made.protocol_note()})


def _card_without_folds(config: Config) -> dict[str, Any]:
    """Returns the part of the card that describes the corpus. Raises CorpusError when the corpus cannot be read."""
    from ser_core.content_hashes import content_hashes

    corpus = config.corpus.read(config.cache)
    hashes = content_hashes(corpus.table["file"], config.cache)
    return corpus.card("".join(hashes[file] for file in corpus.table["file"]))


def _print_lines(console: Console, card: Mapping[str, Any]) -> None:
    for name, value in card.items():
        console.print(f"{name:>18}  {value}", highlight=False, soft_wrap=True, markup=False)


def conclude_study(console: Console, finished: StudyResult) -> int:
    """Prints the table, writes the report, and updates the dashboard. Returns 1 when folds are missing."""
    if not finished.complete:
        look_partly(finished.study, finished.store, finished.study.outcomes(finished.store))
        update_dashboard(finished.tracker, finished, {})
        return print_failures(console, finished)
    files = print_report(console, finished.study, finished.store)
    update_dashboard(finished.tracker, finished, files)
    console.print(f"{finished.trained} folds trained, {finished.found} already recorded", highlight=False)
    return 0


def update_dashboard(tracker: Tracker, finished: StudyResult, files: dict[str, Path]) -> None:
    """Updates MLflow unless it is already up to date."""
    if finished.trained or not tracker.up_to_date():
        tracker.finish(files, complete=finished.complete)


def print_report(console: Console, record: StudyRecord, store: RunStore, wanted: float = 0.0) -> dict[str, Path]:
    table, sections, files = conclude(record, store, wanted)
    printed = [section for section in sections if section.on_terminal]
    for part in (*to_rich(table), *(part for section in printed for part in section_to_rich(section))):
        console.print(part)
    folder = record.folder(store)
    console.print(f"records    {store.folder / 'folds'}", highlight=False, soft_wrap=True, markup=False)
    listed = "(and table.md, table.csv, details.csv, table.tex, reforms.md)"
    console.print(f"report     {files['html']} {listed}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"dashboard  ser ui --store {_shown(store.folder)}", highlight=False, soft_wrap=True, markup=False)
    console.print(
        f"again      ser report {folder.name} --store {_shown(store.folder)}", highlight=False, soft_wrap=True, markup=False
    )
    return files


def _shown(folder: Path) -> str:
    """Returns the folder as you would type it from the current directory."""
    here = Path.cwd()
    near = folder.is_relative_to(here) and here != Path("/")  # jobs start in /
    return shlex.quote(str(folder.relative_to(here) if near else folder))


def print_failures(console: Console, finished: StudyResult) -> int:
    """Prints what failed or is missing and what to do next. Returns 130 after Ctrl-C and 1 when anything failed."""
    for sentence in finished.failures[:10]:
        print(f"failed: {sentence}", file=sys.stderr)
    if finished.failures:
        folder = finished.study.folder(finished.store) / "failures"
        summary = f"{len(finished.failures)} folds failed; tracebacks are in {folder}; run the same command to try them again"
        console.print(summary, markup=False)
    if finished.interrupted:
        console.print(f"stopped; {finished.trained} folds were trained; run the same command to continue")
        return 130
    return 1 if finished.failures else 0
