"""`ser select`: trains the best of a search again, prints the choice and its reason, then opens its test parts."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf
from rich.console import Console

from ablations.report.weight_triangle import weight_triangle
from ablations.section import Section
from ablations.select import Selection
from ablations.statistics.words import probability
from cluster.cli.commands import print_failures, print_report, update_dashboard, watching
from cluster.run_study import StudyResult
from cluster.search.objectives import Objective, front
from cluster.selection.opened_test_parts import opening_sentence, record_opening
from cluster.selection.run_selection import (
    AS_GIVEN,
    Finalists,
    SelectionSettings,
    choose,
    fresh_score,
    nested_searches,
    nested_study,
    plan_finalists,
    run_given,
    search_score,
    tested_study,
    train_finalists,
)
from cluster.study_record import StudyRecord
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.trial import Trial
from cluster.tune.extraction import extracting_on
from cluster.tune.resources import split_overrides
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError

YAML = "selected.yaml"
NONE = "-"


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
            return _open(console, nested, store, cluster.tracking, chosen)
        found = plan_finalists(asked, store, watch)
        finished = train_finalists(found, cluster, watch)
        update_dashboard(finished.tracker, finished, {})
    if not finished.complete:
        return print_failures(console, finished)
    selection = choose(found)
    console.print(selection.why, highlight=False, soft_wrap=True, markup=False)
    record = tested_study(found, selection, [f"{selection.why}."])
    record = dataclasses.replace(record, added=(_standings(found, selection), _weights(found, selection)))
    chosen = [trial for trial in record.trials if trial.variant == selection.chosen]
    return _open(console, record, store, cluster.tracking, chosen, (found, selection))


def _open(
    console: Console,
    record: StudyRecord,
    store: RunStore,
    tracking: str,
    chosen: Sequence[Trial],
    told_of: tuple[Finalists, Selection] | None = None,
) -> int:
    """Records the opening, opens the test parts, then prints and writes the table, the report and the choice."""
    fingerprints = list(dict.fromkeys(trial.keys[0].fingerprint for trial in chosen))
    known = record_opening(store, record.command, record.id, chosen[0].keys[0].split, fingerprints)
    overtuning = (_overtuning(*told_of, record),) if told_of else ()
    record = dataclasses.replace(record, notes=(*record.notes, opening_sentence(known)), added=(*record.added, *overtuning))
    record.save(store)
    files = print_report(console, record, store)
    if told_of:
        files["selected"] = record.folder(store) / YAML
        OmegaConf.save(OmegaConf.create(list(chosen[0].overrides)), files["selected"])
        console.print(f"chosen     {shlex.join(chosen[0].overrides)}", highlight=False, soft_wrap=True, markup=False)
        again = shlex.join(["ser", "run", f"@{files['selected']}"])
        console.print(f"run it     {again}", highlight=False, soft_wrap=True, markup=False)
    tracker = Tracker(record, store, tracking_uri(store, tracking), show_test=True)
    update_dashboard(tracker, StudyResult(record, store, 0, len(record.keys), [], tracker), files)
    return 0


def _standings(found: Finalists, selection: Selection) -> Section:
    """Returns one row per finalist, trained again: the deciding score, the other scores, and the cost."""
    objectives = _shown_objectives(found)
    names = [standing.finalist.name for standing in selection.standings]
    values = {name: [fresh_score(found, name, each) for each in objectives] for name in names}
    signed = [[Objective(each).sign * value for each, value in zip(objectives, values[name], strict=True)] for name in names]
    defined = [row for row in range(len(names)) if np.isfinite(signed[row]).all()]
    ahead = {names[defined[place]] for place in front([signed[row] for row in defined])}
    rows = []
    for standing in selection.standings:
        one = standing.finalist
        p = NONE if np.isnan(standing.p_holm) else probability(standing.p_holm).removeprefix("= ")
        behind = f"{standing.behind.mean.value:.4f} ±{standing.error:.4f}" if one.name != selection.best else NONE
        marks = ["chosen"] * (one.name == selection.chosen) + ["on the front"] * (one.name in ahead)
        cells = [*(_number(value) for value in values[one.name]), behind, p, f"{one.parameters:,}", str(one.tasks)]
        rows.append((one.name, *cells, ", ".join(marks) or NONE))
    decides = found.scores.goal.objectives[0].name
    notes = (
        f"Development scores over new seeds and all folds; {decides} decides. Behind: distance from the best, paired by "
        "fold, ± one corrected standard error; p with Holm correction.",
        f"{selection.why}.",
        f"Front: no other finalist equals or beats it in all of {', '.join(objectives)} and beats it in one.",
    )
    columns = ("Finalist", *objectives, "behind", "p", "parameters", "tasks", "")
    return Section("Who was chosen among the finalists", columns, tuple(rows), notes)


def _weights(found: Finalists, selection: Selection) -> Section:
    """Returns the task weights that the search tried, with the chosen ones marked."""
    judged = [(means[0], trial) for trial in found.search.trials if (means := found.scores.means(trial)) is not None]
    settings = [found.store.load(trial.keys[0]).config["tasks"] for _, trial in judged]
    weights = [{name: one["weight"] for name, one in each.items() if isinstance(one, dict)} for each in settings]
    tasks = [name for name in weights[0] if len({each[name] for each in weights}) > 1]
    own = found.origin.get(selection.chosen)
    place = next((index for index, (_, trial) in enumerate(judged) if trial == own), -1)
    points = np.array([[each[name] for name in tasks] for each in weights], float)
    kept = points.sum(axis=1) > 0 if tasks else np.zeros(len(points), bool)
    drawing = weight_triangle(tasks, points[kept], [s for (s, _), k in zip(judged, kept, strict=True) if k], _within(kept, place))
    rows = tuple((name, _number(float(points[place, column])) if own else NONE) for column, name in enumerate(tasks))
    return Section(
        "Task weights that were tried",
        ("Task", "chosen"),
        rows,
        (),
        drawing,
        f"{len(judged)} weightings of the search, coloured by its development score" if drawing else "",
        on_terminal=False,
    )


def _overtuning(found: Finalists, selection: Selection, record: StudyRecord) -> Section:
    """Returns the score that the search saw, the score after training again, and the test score."""
    objective = found.scores.goal.objectives[0]
    tested: dict[str, list[float]] = {}
    for outcome in record.outcomes(found.store):
        tested.setdefault(outcome.variant, []).append(objective.of(outcome.test.metrics))
    searched_best = next(iter(found.origin))
    rows = []
    for name in dict.fromkeys((searched_best, selection.best, selection.chosen, AS_GIVEN)):
        if any(standing.finalist.name == name for standing in selection.standings):
            before, again = search_score(found, name, objective.name), fresh_score(found, name, objective.name)
            test = float(np.mean(tested[name])) if name in tested else float("nan")
            rows.append((name, *map(_number, (before, again, test))))
    notes = (
        f"{objective.name}, means over folds: in the search, retrained with new seeds, and on the opened test parts. "
        "A drop from the first to the second shows how much of the score was luck (the best of many trials); a drop from the "
        "second to the third shows how much the choice overfits the development speakers.",
    )
    return Section("From search to test", ("", "search, dev", "retrained, dev", "test"), tuple(rows), notes)


def _shown_objectives(found: Finalists) -> list[str]:
    """Returns the objectives of the search, plus UAR and mean CCC where the folds have them."""
    names = list(dict.fromkeys([each.name for each in found.scores.goal.objectives] + ["uar", "mean(ccc)"]))
    return [name for name in names if np.isfinite(fresh_score(found, AS_GIVEN, name))]


def _within(kept: np.ndarray, place: int) -> int:
    """Converts an index among all points to an index among the kept points; -1 means none."""
    return int(kept[:place].sum()) if place >= 0 and kept[place] else -1


def _number(value: float) -> str:
    return NONE if np.isnan(value) else f"{value:.4f}"
