"""Checks that each variant changes what is trained, and changes only the keys that it names.

settled configuration of baseline and variant --leaves that differ--> each under a key that one of the two sets?
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ser_core.config.compose import as_dict
from ser_core.config.identity import fingerprint
from ser_core.config.override_keys import expand
from ser_core.config.tree import GROUPS, Config
from ser_core.errors import SettingError

ABSENT = "absent"
"""Value of a key that a configuration lacks."""


def check_variants(study: str, named: Mapping[str, Sequence[str]], settled: Mapping[str, Config]) -> None:
    """Raises SettingError when a variant trains the same as another, or changes more than it names.

    `named` holds each variant's own overrides. `settled` holds its configuration after tasks without labels are left out
    (`Plan.config`). The first variant is the baseline. Variants of the corpus itself (such as its texts) share a fingerprint
    and differ in their split.
    """
    baseline, *others = settled
    trains = {name: fingerprint(config) for name, config in settled.items()}
    for place, name in enumerate(others):
        for twin in (baseline, *others[:place]):
            if trains[name] == trains[twin] and not changed_leaves(settled[name].corpus, settled[twin].corpus):
                words = " ".join(named[name]) or "nothing"
                raise SettingError(f"study {study}: {name} ({words}) trains exactly what {twin} trains; leave one out")
        allowed = {change.partition("=")[0].replace("/", ".") for change in expand([*named[name], *named[baseline]], GROUPS)}
        beyond = {key: each for key, each in changed_leaves(settled[name], settled[baseline]).items() if not _under(key, allowed)}
        if beyond:
            changes = "; ".join(f"{key} from {before} to {after}" for key, (after, before) in beyond.items())
            raise SettingError(
                f"study {study}: {name} ({' '.join(named[name])}) changes settings that it does not name: {changes} (against "
                f"{baseline}). Set {', '.join(beyond)} to the same value for both, or name it in the variant"
            )


def changed_leaves(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Returns every leaf in which two configurations differ, ours first, except the seed and where things run.

    Also skips settings and stage weights of a task that has weight 0 in either, since no task is built there.
    """
    mine, other = (leaves(as_dict(each)) for each in (ours, theirs))
    both = [(key, mine.get(key, ABSENT), other.get(key, ABSENT)) for key in {**other, **mine}]
    found = {key: (here, there) for key, here, there in both if here != there and key != "seed" and not key.startswith("run.")}
    weights = [key for key in (*mine, *other) if key.startswith("tasks.") and key.endswith(".weight")]
    idle = [key.split(".")[1] for key in weights if 0 in (mine.get(key), other.get(key))]
    return {key: values for key, values in found.items() if key in weights or not _of(key, idle)}


def _of(key: str, tasks: Sequence[str]) -> bool:
    """Whether a key is a setting or a stage weight of one of these tasks."""
    first, *rest = key.split(".")
    return (first == "tasks" and rest[0] in tasks) or (first == "stages" and rest[-1] in tasks)


def _under(key: str, named: set[str]) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in named)


def leaves(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Returns every setting of a resolved configuration by its full key.

    >>> leaves({"seed": 0, "model": {"width": 8}})
    {'seed': 0, 'model.width': 8}
    """
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= leaves(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found
