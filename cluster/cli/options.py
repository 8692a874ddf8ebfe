"""Prints the configuration tree: every key with its current value, its meaning, and the choices of each group."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.tune.resources import Cluster, Settings, split_overrides
from ser_core.config.compose import compose
from ser_core.config.override_keys import chosen_options, leaves, present_groups
from ser_core.config.published_system import KEY, PROTOCOL, apply_system
from ser_core.config.tree import GROUPS, Config
from ser_core.systems import SYSTEMS


def print_options(console: Console, overrides: Sequence[str]) -> None:
    """Implements `ser options`: prints the tree with these overrides applied."""
    base, cluster = split_overrides(overrides)
    config = compose(base)
    laid = apply_system(base, GROUPS)
    names = chosen_options(laid.overrides, GROUPS)
    there, shown = present_groups(GROUPS, names), set[str]()
    table = Table("key", "value", "meaning", show_lines=False, title_justify="left")
    named = laid.system
    meaning = f"none or one of {', '.join(SYSTEMS)}: a published system to build on; `ser systems` compares them"
    table.add_row(f"[bold]{KEY}[/]", f"[bold]{named.name if named else 'none'}[/]", meaning)
    folds = "own (folds.* as below) or paper (the folds of the system's paper; your own folds.* win)"
    table.add_row(f"[bold]{PROTOCOL}[/]", f"[bold]{laid.protocol}[/]", folds)
    for key, sentence in leaves(Config, GROUPS, names):
        group = max((name for name in there if key.startswith(f"{name}.")), key=len, default=key.split(".")[0])
        if group in there and group not in shown:
            _choice(table, group, names[group])
            shown.add(group)
        table.add_row(key, escape(str(_value(config, key))), escape(sentence))
    for group in there:
        if group not in shown:
            _choice(table, group, names[group])
    for key, sentence in leaves(Settings, {}, {}):
        table.add_row(key, escape(str(_value_of_cluster(cluster, key))), escape(sentence))
    console.print(table)


def _choice(table: Table, group: str, name: str) -> None:
    choices = GROUPS[group][0]
    meaning = (choices[name].__doc__ or "").splitlines()[0]
    joins = getattr(choices[name], "joins", "")
    named = [each if option.cost is None else f"{each} ({option.cost:.1f})" for each, option in choices.items()]
    costs = f" In brackets: {choices[name].cost_meaning}." if any(option.cost is not None for option in choices.values()) else ""
    table.add_row(f"[bold]{group}[/]", f"[bold]{name}[/]", f"one of {', '.join(named)}.{costs} {meaning} {joins}".rstrip())


def _value(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = getattr(config, part)
    return config


def _value_of_cluster(cluster: Cluster, key: str) -> Any:
    return dataclasses.asdict(cluster)[key.removeprefix("cluster.")]
