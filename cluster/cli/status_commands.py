"""Implements `ser status` and `ser studies` from summaries alone. Imports neither PyTorch nor Ray, so both answer at once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cluster.status.recount import named_summary, summaries
from cluster.status.show import block, folds, line
from cluster.status.summary import FINISHED, RUNNING, Summary
from ser_core.errors import RecordError

REFRESH, REPEAT = 2.0, 60.0
"""Seconds between two refreshes on a terminal or in JSON, and between two lines elsewhere."""


def list_studies(console: Console, folder: Path) -> None:
    """Implements `ser studies`: lists the studies in a store."""
    store = folder.absolute()
    table = Table("study", "kind", "state", "folds", "question", "command")
    for each in summaries(store):
        table.add_row(each.study, each.kind, each.state, folds(each), escape(each.question), escape(each.command))
    console.print(table if table.row_count else escape(f"no study in {store} yet; start with: ser ablate fusion"))


def show_status(console: Console, name: str, folder: Path, follow: bool, plain: bool) -> int:
    """Implements `ser status`. Without a name it shows all studies that run, or the latest one.

    Returns 0, or 1 when a study that was followed has not finished.
    """
    store = folder.absolute()
    shown = _wanted(store, name)
    if not follow:
        _print(console, shown, plain, indent=1)
        return 0
    names = [each.study for each in shown]
    if plain or not console.is_terminal:
        for shown in _refreshed(store, names, REFRESH if plain else REPEAT):
            _print_step(console, shown, plain)
        if not plain:
            _print(console, shown, plain)
    else:
        with Live(console=console, auto_refresh=False) as live:
            for shown in _refreshed(store, names, REFRESH):
                live.update(Group(*map(block, shown)), refresh=True)
    return 0 if all(each.state == FINISHED for each in shown) else 1


def _wanted(store: Path, name: str) -> list[Summary]:
    """Returns the study with this name, else all that run, else the latest. Raises RecordError when there is none."""
    if name:
        return [named_summary(store, name)]
    known = summaries(store)
    if not known:
        raise RecordError(f"no study in {store} yet; start with: ser ablate fusion, or name another store with --store")
    return [each for each in known if each.state == RUNNING] or known[:1]


def _refreshed(store: Path, names: list[str], pause: float) -> Iterator[list[Summary]]:
    """Yields the summaries again and again, the last time when none runs."""
    while True:
        shown = [named_summary(store, name) for name in names]
        yield shown
        if all(each.state != RUNNING for each in shown):
            return
        end = time.monotonic() + pause
        # A study that ends is noticed soon, however long the pause is.
        while time.monotonic() < end and any(named_summary(store, name).state == RUNNING for name in names):
            time.sleep(min(REFRESH, pause))


def _print(console: Console, shown: list[Summary], plain: bool, indent: int | None = None) -> None:
    if plain:
        print(json.dumps([each.plain() for each in shown], indent=indent), flush=True)
        return
    for each in shown:
        console.print(block(each))


def _print_step(console: Console, shown: list[Summary], plain: bool) -> None:
    """Prints a step of what is followed: a line of JSON, or a line per study."""
    if plain:
        _print(console, shown, plain)
        return
    for each in shown:
        doing = line(each) if each.state == RUNNING else each.state
        print(f"{each.study}  {folds(each)}  {doing}", flush=True)
