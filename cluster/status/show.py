"""Shows a summary: as one line during a study, and as a block with its nodes and failures for `ser status`."""

import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cluster.status.summary import RUNNING, STOPPED, Summary

MOST_NODES, MOST_TRIALS, MOST_FAILURES = 4, 12, 10
"""Nodes of a line, running trials and failures of a block; what is left out is counted."""


def line(summary: Summary) -> str:
    """Returns what a study does now, in one line.

    >>> line(Summary("s", "ablation", "s", "?", "ser", "running", total=9, done=3, failed=1, estimate=130.0))
    'starting workers, 1 failed, about 2 min left'
    """
    parts = [_where(summary)]
    if summary.failed:
        parts.append(f"{summary.failed} failed")
    if summary.pruned:
        parts.append(f"{summary.pruned} trials pruned")
    if summary.estimate is not None:
        parts.append(f"about {duration(summary.estimate)} left")
    if summary.price:
        parts.append(f"cost {summary.cost:.2f}")
    return ", ".join(parts)


def _where(summary: Summary) -> str:
    """Returns how many trials run, and on which nodes."""
    busy = {name: use for name, use in summary.nodes.items() if use.running}
    running = sum(use.running for use in busy.values())
    if not running:
        return f"{len(summary.running)} running" if summary.running else "starting workers"
    if len(busy) > MOST_NODES:
        return f"{running} running on {len(busy)} nodes"
    return "running: " + ", ".join(f"{use.running} on {name}" for name, use in busy.items())


def duration(seconds: float) -> str:
    """Returns a time in the unit that fits.

    >>> [duration(seconds) for seconds in (4.2, 130, 5400, 200000)]
    ['4 s', '2 min', '1.5 h', '2.3 days']
    """
    for unit, size, digits in (("days", 86400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if seconds >= (size if unit != "days" else 2 * size):
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


def folds(summary: Summary) -> str:
    """Returns the folds with a record and all folds, as 18/24."""
    return f"{summary.done}/{summary.total}" if summary.total else str(summary.done)


def block(summary: Summary) -> RenderableType:
    """Returns everything that a summary says, for a terminal."""
    head = Text(f"{summary.study}  ", style="bold") + Text(state(summary), style=_colour(summary))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(summary):
        facts.add_row(name, escape(value))
    tables = [table for table in (_nodes(summary), _running(summary), _failures(summary)) if table]
    return Group(head, Text(summary.question), facts, *tables)


def state(summary: Summary) -> str:
    """Returns the state in words, with the age of what is known for a driver that may be dead."""
    if summary.state == STOPPED and not summary.counted:
        ago = duration(max(0.0, time.time() - summary.updated))
        return f"stopped: its driver on {summary.host} died, last seen {ago} ago; run its command again"
    return {STOPPED: "stopped: not all folds are recorded; run its command again"}.get(summary.state, summary.state)


def _colour(summary: Summary) -> str:
    return {RUNNING: "cyan", "finished": "green"}.get(summary.state, "red")


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yields the rows of the head: folds, pruning, time and cost, estimate, command."""
    count = len(summary.running)
    running = f", {count} trial{'' if count == 1 else 's'} running" if count else ""
    failed = f", {summary.failed} failed" if summary.failed else ""
    yield "folds", f"{folds(summary)} done{running}{failed}"
    if summary.pruned or summary.spared:
        yield "pruned", f"{summary.pruned} trials; {summary.spared} folds spared"
    gpu = f", {summary.gpu_seconds / 3600:.3g} GPU-hours" if summary.gpu_seconds else ""
    cost = f", cost {summary.cost:.2f} ({summary.price:g} per GPU-hour)" if summary.price else ""
    note = " (all recorded folds)" if summary.counted else ""
    yield "spent", f"{summary.cpu_seconds / 3600:.3g} CPU-hours{gpu}{cost}{note}"
    if summary.state == RUNNING:
        left = "unknown" if summary.estimate is None else f"about {duration(summary.estimate)}"
        yield "left", f"{left}; running for {duration(time.time() - summary.began)}"
    yield "command", summary.command


def _nodes(summary: Summary) -> Table | None:
    table = Table("node", "running", "trained", "failed", "in use")
    for name, use in sorted(summary.nodes.items()):
        used = f"{use.used(summary.measured):.0%}" if use.slots else "-"
        table.add_row(escape(name), f"{use.running}/{use.slots}", str(use.folds), str(use.failed), used)
    return table if summary.nodes else None


def _running(summary: Summary) -> Table | None:
    table = Table("running", "folds", "node", "for")
    for each in summary.running[:MOST_TRIALS]:
        numbers = ", ".join(map(str, each.folds))
        since = duration(max(0.0, summary.updated - each.since))
        table.add_row(escape(f"{each.variant}, seed {each.seed}"), numbers, escape(each.node or "not known yet"), since)
    if (more := len(summary.running) - MOST_TRIALS) > 0:
        table.add_row(f"and {more} more", "", "", "")
    return table if summary.running else None


def _failures(summary: Summary) -> Table | None:
    table = Table("failed", "node", "why")
    for each in summary.failures[:MOST_FAILURES]:
        table.add_row(escape(each.where), escape(each.node), escape(each.why))
    if (more := summary.failed - MOST_FAILURES) > 0:
        table.add_row(f"and {more} more", "", "")
    return table if summary.failures else None
