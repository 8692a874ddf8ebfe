"""Implements the search commands: print a space, run a search, and report the best configurations and their cost."""

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.cli.commands import print_failures, update_dashboard, watching
from cluster.launch.package_folder import check_lasting
from cluster.notices import print_notices
from cluster.run_study import StudyResult, hold_study
from cluster.search.cost import projected, spending
from cluster.search.optuna_trials import OptunaTrials
from cluster.search.run_search import PreparedSearch, Search, prepare_search, run_search
from cluster.search.scores import Judged, Scores, rank_trials
from cluster.search.shared_study import check_storage
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.tune.extraction import extracting_on
from cluster.tune.resources import Cluster, split_overrides, store_of
from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES
from ser_core.cross_validation.records import FoldKey


def print_space(console: Console, name: str) -> None:
    """Implements `ser space`: prints what varies, its range and condition, and what stays fixed."""
    space = chosen_space(name, SPACES)
    table = Table("key", "range", "asked when", title=space.question, title_justify="left")
    for row in space.rows():
        table.add_row(escape(row.name), escape(row.range), escape(row.condition))
    console.print(table)
    console.print(f"fixed: {' '.join(space.fixed) or 'nothing'}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"search it with: ser search {space.name} --trials 20", highlight=False, soft_wrap=True)


def search_space(console: Console, name: str, overrides: Sequence[str], search: Search, dry_run: bool, storage: str = "") -> int:
    """Implements `ser search`: prints the best configurations by development score and the cost of the search."""
    base, cluster = split_overrides(overrides)
    check_lasting(store_of(base))
    space, storage = chosen_space(name, SPACES), storage and check_storage(storage)
    with watching(console) as watch, extracting_on(cluster, store_of(base)):
        prepared = prepare_search(space, base, search, watch, "" if dry_run else storage)
        print_notices(cluster.without_effect_in("search", prepared.plan.config.optim.pack == 0))
        finished = None if dry_run else run_search(prepared, search, cluster, watch)
        if finished and storage:
            update_shared_dashboard(finished, prepared.source, cluster)
        elif finished:
            update_dashboard(finished.tracker, finished, {})
    if finished is None:
        _print_plan(console, prepared, search, cluster)
        return 0
    _print_outcome(console, prepared, finished)
    return print_failures(console, finished)


def update_shared_dashboard(finished: StudyResult, source: OptunaTrials, cluster: Cluster) -> None:
    """Shows what all drivers have recorded, unless another driver is still showing it: the last one to end shows the rest."""
    record, store = finished.study, finished.store
    shown: list[FoldKey] | None = None
    finished.tracker.close()  # it may still hold what the tracker below shows
    while True:
        with source.drivers.turn(source):
            recorded = [key for key in record.keys if key in store]
        if recorded == shown:
            return
        with hold_study(record, store, several=True) as shows:
            if not shows:
                return
            update_dashboard(Tracker(record, store, tracking_uri(store, cluster.tracking), show_test=False), finished, {})
        shown = recorded


def _print_outcome(console: Console, prepared: PreparedSearch, finished: StudyResult) -> None:
    """Prints the best configurations, their cost, why the search ended, and the next command."""
    source = prepared.source
    best, outside = rank_trials(source.scores, list(source.trials.values()))
    console.print(_table(best, source.scores, prepared.record.question))
    console.print(f"{len(source.trials)} configurations, {finished.trained} folds trained, {source.repeats} repeated suggestions")
    for note in prepared.record.notes:
        console.print(note, style="dim", highlight=False, soft_wrap=True, markup=False)
    if outside:
        console.print(f"{outside} more break a constraint")
    for sentence in spending(prepared.record, prepared.store, source.repeats).sentences():
        console.print(sentence, highlight=False, soft_wrap=True)
    if source.ending:
        console.print(f"the search ended early: {source.ending}", highlight=False, soft_wrap=True, markup=False)
    if best:
        console.print(f"choose among the best with: ser select {prepared.record.id}", soft_wrap=True, markup=False)
    elif source.trials:
        console.print("no configuration has a score in every fold; check that --objective fits the tasks you train")


def _table(best: Sequence[Judged], scores: Scores, question: str) -> Table:
    """Returns a table of the ten best, or of ten points of the Pareto front."""
    goal = scores.goal
    several = len(goal.objectives) > 1
    heads = [objective.name for objective in goal.objectives] if several else ["development score"]
    title = f"{question} (points that no other beats in every objective)" if several else question
    table = Table(*heads, "overrides", title=title, title_justify="left")
    for means, trial in best[:10]:
        shown = [f"{sign * mean:.4f}" for sign, mean in zip(goal.signs, means, strict=True)]
        table.add_row(*shown, escape(shlex.join(trial.overrides)))
    return table


def _print_plan(console: Console, prepared: PreparedSearch, search: Search, cluster: Cluster) -> None:
    """Prints the plan for `--dry-run`."""
    record, store, folds = prepared.record, prepared.store, prepared.folds
    budget = search.budget
    bounds = {"trials": budget.trials, "folds": budget.folds, "hours": budget.hours, "GPU-hours": budget.gpu_hours}
    bounded = ", ".join(f"{value:g} {name}" for name, value in bounds.items() if value)
    goal = prepared.source.scores.goal
    aims = ", ".join(objective.name for objective in goal.objectives)
    workers = cluster.trials_at_once(cluster.cores(), cluster.gpus_per_trial)
    known = len(prepared.source.asked)
    folds_of_one = [key for key in prepared.plan.keys if search.fold in (0, key.fold)]
    lines = [
        f"study        {record.id}",
        f"question     {record.question}",
        f"varies       {len(prepared.source.space.rows())} settings (`ser space {prepared.source.space.name}`)",
        f"sampler      {search.sampler}, seed {search.seed}; {known} suggestions of earlier runs are repeated first",
        f"objective    {aims}, over {folds} folds; development parts only",
        f"constraints  {', '.join(map(str, goal.constraints)) or 'none'}",
        f"pruning      {search.rule}",
        f"ends after   {bounded}; a pruned trial costs fewer than {folds} folds",
        f"cost         {projected(record, store, search.budget, folds_of_one, workers)}",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
