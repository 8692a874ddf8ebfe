"""Makes a Config from plain data, as records and model folders hold it: the inverse of `as_dict`.

{"model": {"fusion": {"name": "bridge", "tokens": 4}}} --GROUPS["model.fusion"]["bridge"]--> Config
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from ser_core.config.tree import GROUPS, Config
from ser_core.errors import RecordError

Tree = TypeVar("Tree")


def config_from(settings: Mapping[str, Any]) -> Config:
    """Returns the configuration with these settings, the defaults elsewhere.

    Raises RecordError for an option or setting that this version does not have, SettingError for a value out of range.
    """
    return _built(Config, "", settings)


def _built(option: type[Tree], key: str, values: Mapping[str, Any]) -> Tree:
    hints, names = get_type_hints(option), {field.name for field in dataclasses.fields(option)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - names):
        raise RecordError(
            f"this version of Bridgework has no setting {f'{key}.{unknown[0]}'.lstrip('.')}; use the one that wrote it"
        )
    return option(**{name: _value(f"{key}.{name}".lstrip("."), value, hints[name]) for name, value in values.items()})


def _value(key: str, value: Any, hint: Any) -> Any:
    if isinstance(value, Mapping) and key in GROUPS:
        table, _ = GROUPS[key]
        if value.get("name") not in table:
            raise RecordError(f"this version of Bridgework has no {key}={value.get('name')}; use the one that wrote it")
        return _built(table[value["name"]], key, value)
    if isinstance(value, Mapping) and isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _built(hint, key, value)
    return value
