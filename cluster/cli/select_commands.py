"""`ser select`: trains the best of a search again, prints the choice and its reason, then opens its test parts."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console

from ablations.section import Section
from cluster.cli.commands import print_failures, print_report, update_dashboard, watching
from cluster.looks.study_looks import look_partly
from cluster.run_study import StudyResult
from cluster.selection.estimates import estimates_section
from cluster.selection.finalists import Finalists, plan_finalists, train_finalists
from cluster.selection.nested import nested_searches, nested_study, run_given
from cluster.selection.run_selection import Choice, choose, chosen_trials, tested_study
from cluster.selection.sections import (
    Weightings,
    flatness_section,
    overtuning_section,
    shown_metrics,
    standings_section,
    trade_off_section,
    weights_section,
)
from cluster.selection.settings import SelectionSettings
from cluster.study_record import StudyRecord
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.tune.extraction import extracting_on
from cluster.tune.resources import split_overrides
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError

YAML = "selected.yaml"


def select_from(console: Console, asked: SelectionSettings, folder: Path, overrides: Sequence[str]) -> int:
    """Implements `ser select`. Returns 0 when a choice was made and tested, 1 when folds failed.

    `overrides` may hold only cluster settings.
    """
    (others, cluster), store = split_overrides(overrides), RunStore(folder)
    if others:
        raise SettingError(f"{others[0]}: a selection keeps the settings of its search; give only cluster.* settings")
    with watching(console) as watch, extracting_on(cluster, store.folder):
        if asked.nested:
            search, chosen = nested_searches(asked, store, cluster, watch, lambda done: update_dashboard(done.tracker, done, {}))
            nested = nested_study(search, asked, chosen, store)
            finished = run_given(nested, store, cluster, watch)
            update_dashboard(finished.tracker, finished, {})
            if not finished.complete:
                return print_failures(console, finished)
            return _open(console, nested, store, cluster.tracking)
        found = plan_finalists(asked, store, watch)
        watch(0, 0, _plan_sentence(found))
        finished = train_finalists(found, cluster, watch)
        update_dashboard(finished.tracker, finished, {})
    if not finished.complete:
        return print_failures(console, finished)
    choice = choose(found)
    console.print(choice.selection.why, highlight=False, soft_wrap=True, markup=False)
    record = tested_study(found, choice, [f"{choice.selection.why}."])
    return _open(console, record, store, cluster.tracking, (found, choice))


def _plan_sentence(found: Finalists) -> str:
    """Returns which finalists are trained again, and why."""
    own = len(found.own) - 1
    others = len(found.origin) - own
    more = f", and {others} that single folds or another score rank among their best" if others else ""
    return f"training again: the configuration as given, the best {own} of the search{more}"


def _open(
    console: Console,
    record: StudyRecord,
    store: RunStore,
    tracking: str,
    told_of: tuple[Finalists, Choice] | None = None,
) -> int:
    """Opens the test parts, then prints and writes the table, the report and the choice."""
    added = _sections(*told_of, record) if told_of else ()
    record = dataclasses.replace(record, added=(*record.added, *added))
    record.save(store)
    files = print_report(console, record, store)
    if told_of:
        away = chosen_trials(*told_of)
        # The report shows the test scores of this choice, too, marked as optimistic.
        look_partly(record, store, dataclasses.replace(record, trials=away).outcomes(store))
        files["selected"] = record.folder(store) / YAML
        OmegaConf.save(OmegaConf.create(list(away[0].overrides)), files["selected"])
        console.print(f"chosen     {shlex.join(away[0].overrides)}", highlight=False, soft_wrap=True, markup=False)
        again = shlex.join(["ser", "run", f"@{files['selected']}"])
        console.print(f"run it     {again}", highlight=False, soft_wrap=True, markup=False)
    tracker = Tracker(record, store, tracking_uri(store, tracking), show_test=True)
    update_dashboard(tracker, StudyResult(record, store, 0, len(record.keys), [], tracker), files)
    return 0


def _sections(found: Finalists, choice: Choice, record: StudyRecord) -> tuple[Section, ...]:
    """Returns the sections of a selection. The first and the last open test parts."""
    tried = Weightings(found, choice)
    return (
        estimates_section(found, choice, record, shown_metrics(found)),
        standings_section(found, choice),
        *trade_off_section(found, choice),
        weights_section(found, choice, tried),
        *flatness_section(found, choice, tried),
        overtuning_section(found, choice, record),
    )
