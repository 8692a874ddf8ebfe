"""Which of your settings have no effect, and why. Every option explains its own settings.

overrides --> keys given --+
Config --options--> without_effect(situation) --> {setting: why} --> "tasks.style.weight=0.5 has no effect: ..."
"""

import dataclasses
from collections.abc import Iterator, Sequence

from ser_core.config.override_keys import expand
from ser_core.config.published_system import KEY, PROTOCOL, apply_system
from ser_core.config.tree import GROUPS, Config
from ser_core.corpus import Corpus
from ser_core.folds import Folds
from ser_core.options import Option, Situation
from ser_core.override_values import shortened


def settings_without_effect(config: Config, corpus: Corpus, overrides: Sequence[str], folds: Folds | None = None) -> list[str]:
    """Returns one sentence for each reason why some of these overrides change nothing for this configuration and corpus.

    `config` is composed from these overrides, before tasks without labels are removed. Of a published system's own settings
    only the tasks count; its notes cover the rest. Without `folds`, settings of the split are not checked.
    """
    given = _given(overrides)
    situation = Situation(config, corpus, folds, given)
    reasons: dict[str, list[str]] = {}
    for path, option in _options(config, ""):
        for field, reason in option.without_effect(situation).items():
            named = ".".join(filter(None, [path, field]))
            idle = [f"{key}={shortened(value)}" for key, value in given.items() if key == named or key.startswith(f"{named}.")]
            known = [each for listed in reasons.values() for each in listed]
            reasons.setdefault(reason, []).extend(each for each in idle if each not in known)
    return [f"{_listed(idle)} {'has' if len(idle) == 1 else 'have'} no effect: {why}" for why, idle in reasons.items() if idle]


def _given(overrides: Sequence[str]) -> dict[str, str]:
    """Returns each key that the overrides set, with dots, and its value. Of a system only the task weights count."""
    own = expand([each for each in overrides if not each.startswith((f"{KEY}=", f"{PROTOCOL}="))], GROUPS)
    pairs = {key.replace("/", "."): value for key, _, value in (each.partition("=") for each in own)}
    laid = [each.partition("=") for each in apply_system(overrides, GROUPS).overrides]
    return {key: value for key, _, value in laid if key.startswith("tasks.") and key.endswith(".weight")} | pairs


def _options(option: Option, path: str) -> Iterator[tuple[str, Option]]:
    """Yields every option of the tree with its path."""
    yield path, option
    for field in dataclasses.fields(option):
        inner = getattr(option, field.name)
        if isinstance(inner, Option):
            yield from _options(inner, ".".join(filter(None, [path, field.name])))


def _listed(settings: Sequence[str]) -> str:
    *others, last = settings
    return f"{', '.join(others)} and {last}" if others else last
