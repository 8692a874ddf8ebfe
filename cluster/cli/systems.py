"""Prints the published systems side by side, or one system in full with its overrides ready to copy.

`ser systems`: parts in rows, systems in columns; below: reconstructions, differences, unknowns, defects of released code
"""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.json_file import check_json_file, write_json_file
from ser_core.errors import SettingError, nearest
from ser_core.systems import DIFFERS, KNOWN, RECONSTRUCTION, ROWS, SYSTEMS, Part, System

MARKS = {KNOWN: "", RECONSTRUCTION: "[?] ", DIFFERS: "[≠] "}
NAMES_WIDTH, COLUMN_WIDTH = 14, 22
"""Width of the first column, and the least width of a system's column; more systems make a further table."""
LEGEND = f"{MARKS[RECONSTRUCTION]}not known, reconstructed here   {MARKS[DIFFERS]}known, different here"


def print_systems(console: Console, name: str, file: Path | None) -> None:
    """Implements `ser systems`. Raises SettingError for an unknown name or a folder that does not exist."""
    if name and name not in SYSTEMS:
        raise SettingError(f"no system {name!r}{nearest(name, SYSTEMS)}; choose from {', '.join(SYSTEMS)}")
    check_json_file(file)
    chosen = [SYSTEMS[name]] if name else list(SYSTEMS.values())
    if name:
        _print_whole(console, chosen[0])
    else:
        side_by_side = max(1, (console.width - NAMES_WIDTH) // COLUMN_WIDTH)
        for first in range(0, len(chosen), side_by_side):
            _print_table(console, chosen[first : first + side_by_side])
        console.print(LEGEND, style="dim", highlight=False, markup=False, soft_wrap=True)
        _print_below(console, chosen)
    write_json_file(file, [{**dataclasses.asdict(system), "overrides": system.overrides} for system in chosen])


def _print_table(console: Console, systems: Sequence[System]) -> None:
    table = Table(show_lines=True, padding=(0, 1, 0, 0))
    for heading in ("", *(system.name for system in systems)):
        table.add_column(heading, overflow="fold")
    table.add_row("paper", *(Text(f"{system.authors}, {system.venue}") for system in systems))
    table.add_row("encoders", *(Text(system.encoders) for system in systems))
    for row in ROWS:
        cells = ("\n".join(_cell(part) for part in system.parts if part.row == row) for system in systems)
        table.add_row("training of encoders" if row == "encoders" else row, *map(Text, cells))
    table.add_row("protocol", *(Text(system.protocol) for system in systems))
    table.add_row("published", *(Text(_headline(system)) for system in systems))
    console.print(table)


def _cell(part: Part) -> str:
    return f"{MARKS[part.status]}{part.paper}"


def _headline(system: System) -> str:
    figures = [str(figure) for figure in system.figures(system.headline)]
    return "\n".join([*figures, f"({system.headline}; {system.corpus})"]) if figures else "not known"


def _print_below(console: Console, systems: Sequence[System]) -> None:
    for title, found in (
        ("Reconstruction", {system.name: list(system.departures(RECONSTRUCTION)) for system in systems}),
        ("Different here", {system.name: list(system.departures(DIFFERS)) for system in systems}),
        ("Not known", {system.name: list(system.unknown) for system in systems}),
        ("Defects and cautions", {system.name: list(system.cautions) for system in systems}),
    ):
        _print_list(console, title, [f"{name}: {sentence}" for name, sentences in found.items() for sentence in sentences])
    console.print(
        "show one in full with its overrides: ser systems NAME; train it: ser run system=NAME [protocol=paper]",
        highlight=False,
        markup=False,
    )


def _print_list(console: Console, title: str, sentences: Sequence[str]) -> None:
    if sentences:
        console.print(f"\n{title}", style="bold", highlight=False)
    for sentence in sentences:
        console.print(f"  {sentence}", highlight=False, markup=False, soft_wrap=True)


def _print_whole(console: Console, system: System) -> None:
    console.print(f"{system.name}", style="bold", highlight=False)
    console.print(system.citation, highlight=False, markup=False, soft_wrap=True)
    console.print(f"encoders: {system.encoders}\nprotocol: {system.protocol}", highlight=False, markup=False, soft_wrap=True)
    table = Table("part", "paper", "status", "here", show_lines=True)
    for part in system.parts:
        table.add_row(part.row, *map(Text, (part.paper, part.status, part.here)))
    console.print(table)
    figures = Table("published", "figures", title=system.corpus, title_justify="left")
    for conditions in dict.fromkeys(figure.conditions for figure in system.published):
        figures.add_row(conditions, ", ".join(map(str, system.figures(conditions))))
    console.print(figures if system.published else "published figures: not known", highlight=False)
    _print_list(console, "Not known", system.unknown)
    _print_list(console, "Defects and cautions", system.cautions)
    _print_list(console, "Folds of the paper, set by protocol=paper", [shlex.join(system.folds)])
    set_by = [f"{part.row} ({part.status}): {shlex.join(part.overrides)}" for part in system.parts if part.overrides]
    _print_list(console, "What each part sets", set_by)
    places = [f"model.{channel}=folder/of/checkpoint" for channel in system.channels]
    _print_list(console, f"system={system.name} stands for", [shlex.join([*places, *system.overrides])])
