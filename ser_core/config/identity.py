"""What names a fold: a hash of what is built, so that growth of the program renames nothing.

Config --described--> {"model": {"fusion": {"name": "bridge", "tokens": 4}}, "seed": 3, ...} --sha256--> 16 hex digits

Only what differs is written down: values at their default, tasks of weight 0 and options that stand for "as before" are
left out, so a new knob, task, corpus or group leaves every name as it is. What a default stands for must then never change
in silence: an option that trains other numbers, or has another default, raises its `edition` (tests/ser_core/config/defaults.json
pins them all), and only records that used it get new names.
"""

import dataclasses
import hashlib
import json
from typing import Any

import ser_core
from ser_core.config.tree import Config
from ser_core.encoders.encoder import EncoderOption
from ser_core.options import LEFT_OUT, Option
from ser_core.tasks import Tasks

MISSING = object()


def fingerprint(config: Config, beside: str = "") -> str:
    """The name of what a Config trains and scores. `beside` names what it reads beyond the corpus's content.

    Left out: `run.*`, and fields that say where something lies, what is accepted, or what the corpus holds (the split's own
    hash covers the corpus; a checkpoint counts by the hash of its weights).
    """
    content = {**described(config), "program": ser_core.EDITION}
    content.pop("run", None)
    return _digest(content | ({"beside": beside} if beside else {}))


def channels_fingerprint(config: Config) -> str:
    """The name of the features that a Config reads: equal for all fusions, tasks and seeds over the same channels."""
    parts = (config.audio, config.model.speech, config.model.text)
    return _digest([ser_core.EDITION, *map(described, parts), config.tasks.emotion.weight > 0])


def described(option: Option | Tasks) -> dict[str, Any]:
    """What of an option decides what is trained, as plain data: its name, its edition from 2 on, values off their default.

    A nested option is there if anything of it is; a task, and an option that does something, always are.
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
    """Whether the class itself is marked neutral: an adapter that derives from `none` is not."""
    return bool(vars(option).get("neutral"))


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """The value a field has where nobody sets it; MISSING where it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
