"""A variant does what it says and nothing else: it changes what is trained, and only under the keys that it names.

settled configuration of baseline and variant --leaves that differ--> each under a key that one of the two sets?
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ser_core.compose import fingerprint, resolved
from ser_core.config import GROUPS, Config
from ser_core.errors import SettingError
from ser_core.keys import expand

_TASK = re.compile(r"tasks\.\w+\.weight")


def check_changes(study: str, named: Mapping[str, Sequence[str]], settled: Mapping[str, Config]) -> None:
    """Raises SettingError for a variant that trains what another trains, or that changes more than it names.

    `named` are each variant's own overrides, `settled` its configuration after tasks without labels are left out
    (`Plan.config`); the first is the baseline. Variants of the corpus itself (its texts, say) share a fingerprint and differ
    in their split.
    """
    baseline, *others = settled
    for place, name in enumerate(others):
        for twin in (baseline, *others[:place]):
            ours, theirs = settled[name], settled[twin]
            if fingerprint(ours) == fingerprint(theirs) and not changed(ours.corpus, theirs.corpus):
                words = " ".join(named[name]) or "nothing"
                raise SettingError(f"study {study}: {name} ({words}) trains exactly what {twin} trains; leave it out")
        allowed = {change.partition("=")[0].replace("/", ".") for change in expand([*named[name], *named[baseline]], GROUPS)}
        beyond = {key: each for key, each in changed(settled[name], settled[baseline]).items() if not _under(key, allowed)}
        if beyond:
            said = "; ".join(f"{key} from {before} to {after}" for key, (after, before) in beyond.items())
            raise SettingError(
                f"study {study}: {name} ({' '.join(named[name])}) changes more than it names: {said} (against {baseline}). "
                f"Set {', '.join(beyond)} alike for both, or name it in the variant"
            )


def changed(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """Every leaf in which two configurations differ, ours first.

    Left out are where things run, the seed, and knobs of a task that either does not train.
    """
    mine, other = (_leaves(resolved(each)) for each in (ours, theirs))
    off = {key.removesuffix("weight") for leaves in (mine, other) for key in leaves if _TASK.fullmatch(key) and leaves[key] == 0}
    keys = [key for key in {**other, **mine} if key != "seed" and not key.startswith("run.")]
    keys = [key for key in keys if _TASK.fullmatch(key) or not key.startswith(tuple(off))]
    absent = "absent"
    return {
        key: (mine.get(key, absent), other.get(key, absent)) for key in keys if mine.get(key, absent) != other.get(key, absent)
    }


def _under(key: str, named: set[str]) -> bool:
    """Whether a named key covers this one; a task's weight covers what settling follows from it.

    That is the task's weights in stages, which a task left out has not, and the tasks that self-contrast is between.
    """
    if key == "tasks.self_contrast.between" and any(map(_TASK.fullmatch, named)):
        return True
    task = re.sub(r"^stages\.\w+\.weights\.(\w+)$", r"tasks.\1.weight", key)
    return task in named or any(key == each or key.startswith(f"{each}.") for each in named)


def _leaves(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= _leaves(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return leaves
