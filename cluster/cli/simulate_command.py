"""`ser simulate`: prints the table that helps you choose a pruner."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from cluster.search.objectives import Goal
from cluster.search.pruners import PRUNERS, chosen_pruner
from cluster.search.pruners.pruner import Pruner
from cluster.search.samplers import chosen_sampler
from cluster.search.scores import Scores
from cluster.search.simulation import Hill, Line, Records, Variances, compare_pruners, variance_split
from cluster.study_record import load_study
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError


def simulate_synthetic(
    console: Console,
    folds: Sequence[int],
    variances: Variances,
    pruners: Sequence[str],
    sampler: str,
    trials: int,
    repetitions: int,
) -> None:
    """Prints the regret on a synthetic hill for each number of folds."""
    _check(trials, repetitions)
    if any(count < 1 for count in folds):
        raise SettingError(f"--folds must be at least 1, got {min(folds)}")
    chooser = chosen_sampler(sampler)
    lines = []
    for count in folds:
        rules = suitable(pruners, count)
        worlds = [[Hill(seed, count, variances, chooser, trials) for _ in rules] for seed in range(repetitions)]
        lines += compare_pruners(worlds, rules, count, trials * count)
    console.print(_table(lines, f"A synthetic hill, {sampler} sampler, {repetitions} searches per line"))
    console.print(
        f"standard deviations in points: {format_variances(variances)}, seed {variances.seed:g}", highlight=False, soft_wrap=True
    )


def simulate_records(
    console: Console,
    study: str,
    store: Path,
    objective: str,
    pruners: Sequence[str],
    sampler: str,
    trials: int,
    repetitions: int,
) -> None:
    """Prints the regret over the finished trials of a study, replayed in random order.

    Reads development parts only. Here the true value of a trial is the same mean that judges it. Pruning can therefore only
    lose score and save folds.
    """
    _check(trials, repetitions)
    if sampler != "random":
        raise SettingError("a replayed study has a fixed set of trials: use --sampler random, or leave STUDY out")
    record, goal = load_study(RunStore(store), study), Goal.read([objective], [])
    scores = Scores(RunStore(store), goal)
    complete = [scores.first_folds(trial) for trial in record.trials if scores.means(trial) is not None]
    table = 100 * np.array([[fold[0] for fold in folds] for folds in complete if len(folds) == len(complete[0])])
    if len(table) < 5:
        raise SettingError(f"{record.id} has {len(table)} trials with all folds, but a replay needs at least 5")
    count, budget = table.shape[1], min(trials, len(table) // 2)
    rules = suitable(pruners, count)
    worlds = [[Records(seed, table) for _ in rules] for seed in range(repetitions)]
    lines = compare_pruners(worlds, rules, count, budget * count)
    title = f"{len(table)} trials of {record.id} in random order, {repetitions} searches of {budget} trials' folds per line"
    console.print(_table(lines, title))
    console.print(f"standard deviations in points: {format_variances(variance_split(table))}", highlight=False, soft_wrap=True)


def suitable(names: Sequence[str], folds: int) -> list[Pruner]:
    """Returns the named pruners with `none` first, or, without names, all that work with this number of folds.

    Raises SettingError when a named pruner needs more folds.
    """
    if not names:
        return [pruner for pruner in PRUNERS.values() if folds >= pruner.least_folds]
    chosen = [chosen_pruner(name) for name in names if name != "none"]
    for pruner in chosen:
        pruner.check(folds, 1)
    return [PRUNERS["none"], *chosen]


def _check(trials: int, repetitions: int) -> None:
    if trials < 1 or repetitions < 2:
        raise SettingError(f"--trials must be at least 1 and --repetitions at least 2, got {trials} and {repetitions}")


def format_variances(variances: Variances) -> str:
    return f"configuration {variances.configuration:.2g}, fold {variances.fold:.2g}, residual {variances.residual:.2g}"


def _table(lines: Sequence[Line], title: str) -> Table:
    heads = ("folds", "pruning", "regret (se)", "against none (se)", "started", "finished")
    table = Table(*heads, title=f"{title}: points lost, equal folds", title_justify="left")
    for line in lines:
        regret = f"{line.regret:.2f} ({line.regret_error:.2f})"
        against = "" if line.pruning == "none" else f"{line.difference:+.2f} ({line.difference_error:.2f})"
        table.add_row(str(line.folds), line.pruning, regret, against, f"{line.begun:.1f}", f"{line.finished:.1f}")
    return table
