"""How overrides become one frozen, checked Config.

    ["corpus=emodb", "model.fusion.tokens=4", ...] --expand, check--> Hydra --> Config
                                                   --read_value--> 4 --^
Hydra only composes the chosen options. Values never pass through its grammar, so a path may contain any character.
`_target_`, interpolation, `+key` and `~key` are rejected.
"""

import copy
import dataclasses
import functools
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ser_core.config.override_keys import check_keys, chosen_options, expand, leaf_types, present_groups
from ser_core.config.published_system import apply_system
from ser_core.config.tree import GROUPS, Config
from ser_core.errors import SettingError
from ser_core.override_values import read_value, shown

Tree = TypeVar("Tree")


def compose(overrides: Sequence[str] = (), folder: Path | None = None) -> Config:
    """Composes the Config that these overrides describe. Relative paths start from `folder` (default: the working folder).

    `system=NAME` applies the settings of a published system first, with `protocol=paper` the folds of its paper, too; your other
    overrides win (see config/published_system.py).

    Raises SettingError, which suggests the nearest valid key, for an unknown key, a setting of an option that is not chosen,
    a value of the wrong type, or a value out of range.
    """
    return compose_tree(Config, GROUPS, apply_system(overrides, GROUPS).overrides, folder)


def compose_tree(
    root: type[Tree], groups: dict[str, tuple[dict[str, type[Any]], str]], overrides: Sequence[str], folder: Path | None
) -> Tree:
    """Does what `compose` does for any tree of options. `groups` lists the nodes that are chosen by name."""
    from hydra.errors import HydraException

    written = expand(overrides, groups)
    check_keys(root, groups, written)
    names = chosen_options(written, groups)
    there, kinds = present_groups(groups, names), leaf_types(root, groups, names)
    typed = {key: value for key, _, value in (override.partition("=") for override in written)}
    values = {key: read_value(key, value, kinds[key]) for key, value in typed.items() if key in kinds}
    nodes = tuple((group, default, names[group], tuple(table.items())) for group, (table, default) in there.items())
    try:
        tree = copy.deepcopy(_tree(root, nodes))
        for key, value in values.items():
            OmegaConf.update(tree, key, value)
        for owner, key, value in _locations(root, tree):
            if value and (place := _place(owner, key, value, folder or Path.cwd())):
                OmegaConf.update(tree, key, place)
        composed = OmegaConf.to_object(tree)
    except (HydraException, OmegaConfBaseException) as error:
        raise _readable(error) from error
    assert isinstance(composed, root)
    return composed


def as_dict(config: Any) -> dict[str, Any]:
    """Returns the Config as plain data."""
    return dataclasses.asdict(config)


@functools.cache
def _schema(option: type) -> DictConfig:
    """Returns a structured node with the read-only flag (set by `frozen`) cleared, so that overrides can be merged into it."""
    node = OmegaConf.structured(option)

    def soften(part: Any) -> None:
        OmegaConf.set_readonly(part, False)
        for key in part:
            child = part._get_node(key)
            if isinstance(child, DictConfig):
                soften(child)
                if OmegaConf.get_type(child) is dict:  # a mapping with names from the user, such as corpus.columns
                    OmegaConf.set_struct(child, False)

    soften(node)
    return node


@functools.lru_cache(maxsize=64)
def _tree(root: type, nodes: tuple[tuple[str, str, str, tuple[tuple[str, type], ...]], ...]) -> DictConfig:
    """Composes (group, default, choice, options) with Hydra. Cached, because most variants differ only in values."""
    from hydra import compose as hydra_compose
    from hydra import initialize
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    store = ConfigStore.instance()
    store.store(name=f"{root.__name__}-schema", node=_schema(root))
    defaults: list[Any] = [f"{root.__name__}-schema"]
    choices = []
    for group, default, choice, options in nodes:
        folder = group.replace(".", "/")
        defaults.append({folder: default})
        for name, option in options:
            _offer(folder, name, option)
        if choice != default:
            choices.append(f"{folder}={choice}")
    store.store(name=root.__name__, node={"defaults": [*defaults, "_self_"]})
    GlobalHydra.instance().clear()
    with initialize(version_base="1.3", config_path=None):
        return hydra_compose(config_name=root.__name__, overrides=choices)


@functools.cache
def _offer(group: str, name: str, option: type) -> None:
    """Registers an option with Hydra once, because every registration copies its schema."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(group=group, name=name, node=_schema(option))


def _locations(root: type, tree: DictConfig, prefix: str = "") -> list[tuple[str, str, str]]:
    """Returns (owner, key, value) for every field that holds a path."""
    found = []
    for name in tree:
        child = tree._get_node(name)
        key = f"{prefix}.{name}".lstrip(".")
        if isinstance(child, DictConfig):
            owner = OmegaConf.get_type(child)
            if owner is not None and dataclasses.is_dataclass(owner):
                places = {field.name for field in dataclasses.fields(owner) if field.metadata.get("location")}
                found += [(key, f"{key}.{place}", str(child[place])) for place in places]
            found += _locations(root, child, key)
    return found


def _place(owner: str, key: str, value: str, folder: Path) -> str:
    """Returns the absolute path, with ~ expanded, or "" for a checkpoint that is not on this machine but has a hub name.

    Raises SettingError if the name is too long, the folder is not readable, or the store is a file.
    """
    place = Path(folder, os.path.expanduser(value)).absolute()  # noqa: PTH111 (Path.expanduser raises for ~STRANGER)
    try:
        there = stat.S_IFMT(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        there = 0
    except OSError as error:
        raise SettingError(f"{key}={shown(value)} cannot be used: {error.strerror}; give another path") from None
    if key == "run.store" and there and there != stat.S_IFDIR:
        raise SettingError(f"{key}={shown(value)} is a file; give a folder, which is created if it does not exist")
    if there and not os.access(place, os.R_OK | (os.X_OK if there == stat.S_IFDIR else 0)):
        raise SettingError(f"{key}={shown(value)} cannot be read: permission denied; ask its owner for read permission")
    return str(place) if there or owner == "corpus" or key.rpartition(".")[2] != "path" else ""


def _readable(error: Exception) -> SettingError:
    """Returns a SettingError with the first sentence of OmegaConf's key error, else Hydra's, or the SettingError behind it."""
    cause: BaseException | None = error
    spoken = error
    while cause is not None:
        if isinstance(cause, SettingError):
            return cause
        if isinstance(cause, Exception) and "full_key: " in str(cause):
            spoken = cause
        cause = cause.__cause__ or cause.__context__
    lines = [line.strip() for line in str(spoken).splitlines() if line.strip()]
    key = next((line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: ")), "")
    return SettingError(f"{key}: {lines[0]}" if key else lines[0])
