"""How an option states its knobs: a frozen dataclass, one sentence under each field, bounds checked on creation.

@dataclass(frozen=True)
class Bridge(FusionOption):
    tokens: int = 8
    \"\"\"Bridge tokens in each group, at least 1.\"\"\"

    def __post_init__(self) -> None:
        at_least(self, "tokens", 1)
"""

import ast
import dataclasses
import functools
import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any, ClassVar

from ser_core.errors import SettingError
from ser_core.override_values import shown


@dataclasses.dataclass(frozen=True)
class Situation:
    """What decides whether a setting has an effect."""

    config: Any
    """The whole Config, as it is asked for."""
    corpus: Any
    """The Corpus that is read."""
    folds: Any
    """The Folds that are made; None where none are."""
    given: Mapping[str, str]
    """Value of every key that the user gives."""


@dataclasses.dataclass(frozen=True)
class Option:
    """Base of everything in the configuration tree; `key` is where it hangs, for messages."""

    key: ClassVar[str] = ""
    edition: ClassVar[int] = 1
    """Raised by one when a default or the mathematics of this option changes, so that records made with it get new names."""
    neutral: ClassVar[bool] = False
    """Whether a configuration with this option trains what one without its place in the tree would: masking `none`, one stage.
    It holds for the class that says so, never for what derives from it."""

    def without_effect(self, situation: Situation) -> dict[str, str]:
        """Fields that change nothing in this situation, each with the reason, as a user reads it; "" is the whole option."""
        return {}


LEFT_OUT = {"location", "tolerance", "content"}
"""Kinds of fields that say nothing of what is trained: see `location_field`, `tolerance_field` and `content_field`."""


def location_field(default: str) -> Any:
    """A field that says where something lies: made absolute by `compose`, left out of the fingerprint."""
    return dataclasses.field(default=default, metadata={"location": True})


def tolerance_field(default: str) -> Any:
    """A field that says what is accepted, not what is trained on: left out of the fingerprint like a place."""
    return dataclasses.field(default=default, metadata={"tolerance": True})


def content_field(default: str) -> Any:
    """A field that says what the corpus holds and nothing else: the split is named by that, so the fingerprint leaves it out."""
    return dataclasses.field(default=default, metadata={"content": True})


def at_least(option: Option, field: str, low: float) -> None:
    """Refuses a value below `low` (or not finite) with a SettingError that names the key, the bound and the value."""
    within(option, field, low, math.inf)


def within(option: Option, field: str, low: float, high: float) -> None:
    """Refuses a value outside [low, high] with a SettingError that names the key, the bounds and the value."""
    value = getattr(option, field)
    if not (low <= value <= high) or not math.isfinite(value):
        first, last = (f"{bound:.0f}" if float(bound).is_integer() else f"{bound:g}" for bound in (low, high))
        bounds = f"at least {first}" if math.isinf(high) else f"from {first} to {last}"
        raise SettingError(f"{option.key}.{field} must be {bounds}, got {value!r}".lstrip("."))


def one_of(option: Option, field: str, choices: tuple[str, ...]) -> None:
    """Refuses a word that is not among `choices` with a SettingError that lists them."""
    value = getattr(option, field)
    if value not in choices:
        raise SettingError(f"{option.key}.{field} must be one of {', '.join(choices)}; got {shown(value)}".lstrip("."))


@functools.cache
def field_sentences(option: type) -> dict[str, str]:
    """The sentence under each field of an option class, inherited fields included."""
    sentences: dict[str, str] = {}
    for owner in reversed(option.__mro__):
        if not dataclasses.is_dataclass(owner):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
                if isinstance(text, str):
                    sentences[field.target.id] = " ".join(text.split())
    return {field.name: sentences[field.name] for field in dataclasses.fields(option) if field.name in sentences}
