"""How the keys of overrides are checked before Hydra sees them, so that a misspelled key gets the nearest valid one."""

import dataclasses
import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from ser_core.errors import SettingError, nearest
from ser_core.options import field_sentences
from ser_core.override_values import shortened, shown, unquoted

Groups = Mapping[str, tuple[Mapping[str, type[Any]], str]]


def rewrite(override: str, groups: Groups) -> str:
    """Rewrites the key of one override as Hydra spells it: `model.fusion=bridge` becomes `model/fusion=bridge`.

    The text after the first `=` stays unchanged. Raises SettingError for anything but key=value.
    """
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise SettingError(f"{shown(override)} is not an override; write key=value, for example optim.epochs=20")
    if key[0] in "+~" or "_target_" in key or "${" in override or "@" in key:
        raise SettingError(f"{shown(override)}: only key=value is accepted, without +, ~, @, ${{}} and _target_")
    if key != key.strip():
        raise SettingError(f"{shown(override)}: remove the spaces before the key and before =")
    if unreadable := _unreadable(override):
        raise SettingError(f"{key}={shown(value)} contains {unreadable}; rename the file or folder, or write a different text")
    dotted = key.replace("/", ".")
    return f"{dotted.replace('.', '/')}={unquoted(value.strip())}" if dotted in groups else f"{dotted}={value}"


def expand(overrides: Sequence[str], groups: Groups) -> list[str]:
    """Rewrites every override. A path given for an encoder, `model.speech=../models/whisper`, becomes `checkpoint` and a path.

    For `model.features` it becomes `folder` or `table` and a path.
    """
    expanded = []
    for place, override in enumerate(overrides):
        if "=" not in override and place and override[:1] not in "+~":
            joined = shlex.quote(f"{overrides[place - 1]} {override}")
            more = f", and a key its value: {override}=VALUE" if re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", override) else ""
            raise SettingError(f"{shown(override)} is not an override; a value with spaces needs quotes: {joined}{more}")
        written = rewrite(override, groups)
        key, _, value = written.partition("=")
        table = groups.get(key.replace("/", "."), ({}, ""))[0]
        if "/" in value and value not in table and (named := _chosen_by_path(table, value)):
            expanded += [f"{key}={named}", f"{key.replace('/', '.')}.path={override.partition('=')[2]}"]
        else:
            expanded.append(written)
    return expanded


def _chosen_by_path(table: Mapping[str, type[Any]], path: str) -> str:
    """Returns the option of a table that a path chooses; "" if none takes a path."""
    return next((name for name, option in table.items() if option.reads_path(path)), "")


def _unreadable(override: str) -> str:
    """Describes the part of an override that no file, table or terminal can hold; "" if there is none."""
    if "\0" in override:
        return "a NUL character"
    return "bytes that are not UTF-8" if any("\ud800" <= letter <= "\udfff" for letter in override) else ""


def chosen_options(overrides: Sequence[str], groups: Groups) -> dict[str, str]:
    """Returns the option chosen for each group. Raises SettingError for a name that is not in the group's table."""
    names = {key: default for key, (_, default) in groups.items()}
    for override in overrides:
        key, _, value = override.partition("=")
        dotted = key.replace("/", ".")
        if dotted in groups:
            table = groups[dotted][0]
            if value not in table:
                taken = _chosen_by_path(table, f"./{value}")
                what = {"": "", "checkpoint": "a checkpoint's folder"}.get(taken, "a path")
                place = f", or give {what} with a / in it, as {dotted}=./NAME" if what else ""
                found = f"no such option{nearest(value, table)}; choose from {', '.join(table)}{place}"
                raise SettingError(f"{dotted}={shortened(value)}: {found}")
            names[dotted] = value
    return names


def present_groups(groups: Groups, names: Mapping[str, str]) -> dict[str, tuple[Mapping[str, type[Any]], str]]:
    """Returns the groups that exist with these choices. A nested group exists if the option chosen for its parent has it."""
    found = {}
    for key in groups:
        outer = max((other for other in groups if key.startswith(f"{other}.")), key=len, default="")
        inner = key.removeprefix(f"{outer}.")
        if not outer or (outer in found and inner in field_sentences(groups[outer][0][names[outer]])):
            found[key] = groups[key]
    return found


def remaining_overrides(base: Sequence[str], changes: Sequence[str], groups: Groups) -> list[str]:
    """Returns the overrides of the base that the changes leave in effect, both written as `expand` writes them.

    A key that the changes set replaces the base's. If the changes choose another option than the base, the settings of the
    base's option are dropped. If the base chooses no option, the settings that the newly chosen option lacks are dropped.
    A task that the changes give weight 0 has no weight in any stage.
    """
    changed = {key: value for key, _, value in (change.partition("=") for change in changes)}
    now = {key.replace("/", "."): value for key, value in changed.items() if key.replace("/", ".") in groups}
    before = {key.replace("/", "."): value for key, _, value in (each.partition("=") for each in base)}
    off = {key.split(".")[1] for key, value in changed.items() if re.fullmatch(r"tasks\.\w+\.weight", key) and _zero(value)}
    left = []
    for override in base:
        key = override.partition("=")[0]
        dotted = key.replace("/", ".")
        stage_weight = re.fullmatch(r"stages\.\w+\.weights\.(\w+)", dotted)
        gone = any(_lost(dotted, group, name, before.get(group, name), groups) for group, name in now.items())
        if key not in changed and not gone and not (stage_weight and stage_weight[1] in off):
            left.append(override)
    return left


def _joined(key: str, one: str, other: str) -> str:
    """Suggests what to do with two overrides of one key. Entries in brackets can be merged into one override.

    >>> _joined("a", "a={x: y}", "a={z: w}"), _joined("a", "a=1", "a=2")
    ("keep one, or write both into one: 'a={x: y, z: w}'", 'keep one')
    """
    first, second = (override.partition("=")[2].strip() for override in (one, other))
    if not all(value[:1] + value[-1:] in ("{}", "[]") and value[:1] == first[:1] for value in (first, second)):
        return "keep one"
    entries = ", ".join(filter(None, (value[1:-1].strip() for value in (first, second))))
    return f"keep one, or write both into one: {shlex.quote(f'{key}={first[0]}{entries}{first[-1]}')}"


def check_keys(root: type, groups: Groups, overrides: Sequence[str]) -> None:
    """Raises SettingError for a key that is not in the tree, or that belongs to an option that is not chosen."""
    names = chosen_options(overrides, groups)
    valid, there = dict(leaves(root, groups, names)), present_groups(groups, names)
    seen: dict[str, str] = {}
    for override in overrides:
        dotted = override.partition("=")[0].replace("/", ".")
        if dotted in seen and not (dotted in there and seen[dotted] == override):
            raise SettingError(f"{dotted} is given twice; {_joined(dotted, seen[dotted], override)}")
        seen[dotted] = override
        if dotted in there:
            continue
        if dotted.rpartition(".")[2] == "name" and dotted.rpartition(".")[0] in groups:
            raise SettingError(f"{dotted} is set by the choice itself: write {dotted.rpartition('.')[0]}=NAME instead")
        if dotted not in valid:
            raise SettingError(_unknown(dotted, groups, names, list(valid)))


def leaves(root: type, groups: Groups, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields every key that can be set, with its sentence, for the given choices."""
    for key, owner, field in _leaf_fields(root, groups, names, ""):
        yield key, field_sentences(owner).get(field, "")


def leaf_types(root: type, groups: Groups, names: Mapping[str, str]) -> dict[str, Any]:
    """Returns the type of every key that can be set, for the given choices."""
    return {key: get_type_hints(owner)[field] for key, owner, field in _leaf_fields(root, groups, names, "")}


def _leaf_fields(root: type, groups: Groups, names: Mapping[str, str], prefix: str) -> Iterator[tuple[str, type, str]]:
    """Yields every key that can be set, with its option and field."""
    hints = get_type_hints(root)
    for field in dataclasses.fields(root):
        key = f"{prefix}{field.name}"
        if key in groups:
            yield from _leaf_fields(groups[key][0][names[key]], groups, names, f"{key}.")
        elif dataclasses.is_dataclass(hints[field.name]):
            yield from _leaf_fields(hints[field.name], groups, names, f"{key}.")  # type: ignore[arg-type]
        elif not (field.name == "name" and prefix.rstrip(".") in groups):
            yield key, root, field.name


def _lost(key: str, group: str, now: str, before: str, groups: Groups) -> bool:
    """Whether `key` is a setting of this group's option `before` that disappears when `now` is chosen."""
    if not key.startswith(f"{group}."):
        return False
    setting = key[len(group) + 1 :].partition(".")[0]
    within = f"{group}.{setting}" in groups
    return setting not in field_sentences(groups[group][0][now]) or (now != before and not within)


def _zero(value: str) -> bool:
    try:
        return float(value) == 0
    except ValueError:
        return False


def _unknown(key: str, groups: Groups, names: Mapping[str, str], valid: list[str]) -> str:
    """Writes the message for a key that is not in the tree with these choices."""
    group = max((name for name in groups if key.startswith(f"{name}.")), key=len, default=None)
    if group:
        setting = key[len(group) + 1 :]
        owners = [name for name, option in groups[group][0].items() if setting in field_sentences(option)]
        if owners:
            close = difflib.get_close_matches(key, valid, n=1, cutoff=0.9)
            return (
                f"{key}: {group}={names[group]} has no setting {setting!r}{f', the nearest is {close[0]}' if close else ''}; "
                f"it belongs to {', '.join(owners)}: add {group}={owners[0]} or remove {key}"
            )
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.4)
    return f"unknown key {key}{f'; the nearest is {close[0]}' if close else ''} (`ser options` lists them all)"
