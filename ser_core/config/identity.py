"""How a fold gets its name: a hash of what is trained, designed so that new features of the program rename nothing.

Config --described--> {"model": {"fusion": {"name": "bridge", "tokens": 4}}, "seed": 3, ...} --sha256--> 16 hex digits

The hash covers only what differs from the defaults. Default values, tasks of weight 0 and neutral options are left out, so a
new setting, task, corpus or group leaves every name unchanged. The meaning of a default must therefore never change silently:
an option that trains different numbers, or has a new default, raises its `edition`, and only records that used it get new
names. tests/ser_core/config/defaults.json pins all defaults.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import ser_core
from ser_core.config.tree import Config
from ser_core.encoders.encoder import EncoderOption
from ser_core.options import LEFT_OUT, Option
from ser_core.tasks import Tasks

MISSING = object()


def fingerprint(config: Config, extra_content: str = "") -> str:
    """Returns the name of what a Config trains and scores. `extra_content` names what it reads besides the corpus.

    `run.*` is left out. So are fields that hold a path, a tolerance, or the content of the corpus: the hash of the split
    covers the corpus, and a checkpoint is represented by the hash of its weights.
    """
    content = {**described(config), "program": ser_core.EDITION}
    content.pop("run", None)
    return _digest(content | ({"beside": extra_content} if extra_content else {}))


def channels_fingerprint(config: Config, stored: Sequence[str] = ()) -> str:
    """Returns the name of the features that a Config reads: equal for all fusions, tasks and seeds over the same channels.

    `stored` names the content of channels of stored features.
    """
    found = {name: described(option) for name, option in config.model.encoders.items()}
    first = [described(config.audio), found.pop("speech"), found.pop("text"), config.tasks.emotion.weight > 0]
    # Channels that came later appear only where they are read, so older names stay.
    others = {name: each for name, each in found.items() if each}
    return _digest([ser_core.EDITION, *first, *([others, *stored] if others else [])])


def described(option: Option | Tasks) -> dict[str, Any]:
    """Returns the part of an option that decides what is trained: its name, its edition from 2 on, and non-default values.

    A nested option appears if any part of it does. A task, or an option that changes training, always appears.
    """
    if isinstance(option, Tasks):
        return {name: described(task) for name, task in option.active().items()}
    found: dict[str, Any] = {"edition": option.edition} if option.edition > 1 else {}
    content = option.identity() if isinstance(option, EncoderOption) else {}
    for field in dataclasses.fields(option):
        value = content.get(field.name, getattr(option, field.name))
        if isinstance(value, Tasks):
            found[field.name] = described(value)
        elif isinstance(value, Option):
            if inner := described(value):
                found[field.name] = inner
        elif field.name == "name":
            found |= {} if is_neutral(type(option)) else {"name": value}
        elif (field.name in content or not LEFT_OUT & set(field.metadata)) and value != default_of(field):
            found[field.name] = value
    return found


def is_neutral(option: type) -> bool:
    """Whether the class itself is marked neutral. An adapter that derives from `none` is not."""
    return bool(vars(option).get("neutral"))


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """Returns the default of a field, or MISSING if it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
