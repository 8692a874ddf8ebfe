"""How an option defines its settings: a frozen dataclass, one sentence under each field, bounds checked on creation.

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
    """Everything that decides whether a setting has an effect."""

    config: Any
    """The Config as you asked for it."""
    corpus: Any
    """The Corpus that is read."""
    folds: Any
    """The Folds of the split, or None if no folds were made."""
    given: Mapping[str, str]
    """Value of every key that you set."""


@dataclasses.dataclass(frozen=True)
class Option:
    """Base of everything in the configuration tree. `key` is its place in the tree, used in messages."""

    key: ClassVar[str] = ""
    edition: ClassVar[int] = 1
    """Increased by one when a default or the mathematics of this option changes, so that new records get new names."""
    neutral: ClassVar[bool] = False
    """Whether a configuration with this option trains the same as a tree without the option's place: masking `none`, one stage.
    This holds only for the class that sets it, never for its subclasses."""

    cost: ClassVar[float | None] = None
    """What this option costs where its group measures it (`cost_meaning`); `ser options` prints it. None if not measured."""
    cost_meaning: ClassVar[str] = ""
    """What `cost` is a multiple of, for a group of options that states it."""

    @classmethod
    def reads_path(cls, path: str) -> bool:
        """Whether a path given in place of a name chooses this option: model.speech=FOLDER/ chooses the checkpoint."""
        return False

    def without_effect(self, situation: Situation) -> dict[str, str]:
        """Returns the fields that change nothing in this situation, each with the reason; "" stands for the option itself."""
        return {}


LEFT_OUT = {"location", "tolerance", "content"}
"""Kinds of fields that do not affect what is trained: see `location_field`, `tolerance_field` and `content_field`."""


def location_field(default: str) -> Any:
    """Returns a field that holds a path. `compose` makes it absolute; the fingerprint leaves it out."""
    return dataclasses.field(default=default, metadata={"location": True})


def tolerance_field(default: Any) -> Any:
    """Returns a field that sets what is accepted, not what is trained on. The fingerprint leaves it out, like a path."""
    return dataclasses.field(default=default, metadata={"tolerance": True})


def content_field(default: str) -> Any:
    """Returns a field that only describes the corpus's content. The fingerprint leaves it out, because the split covers it."""
    return dataclasses.field(default=default, metadata={"content": True})


def at_least(option: Option, field: str, low: float) -> None:
    """Raises SettingError, with the key, the bound and the value, for a value below `low` or not finite."""
    within(option, field, low, math.inf)


def within(option: Option, field: str, low: float, high: float) -> None:
    """Raises SettingError, with the key, the bounds and the value, for a value outside [low, high]."""
    value = getattr(option, field)
    if not (low <= value <= high) or not math.isfinite(value):
        first, last = (f"{bound:.0f}" if float(bound).is_integer() else f"{bound:g}" for bound in (low, high))
        bounds = f"at least {first}" if math.isinf(high) else f"from {first} to {last}"
        raise SettingError(f"{option.key}.{field} must be {bounds}, got {value!r}".lstrip("."))


def one_of(option: Option, field: str, choices: tuple[str, ...]) -> None:
    """Raises SettingError, with the list of `choices`, for any other word."""
    value = getattr(option, field)
    if value not in choices:
        raise SettingError(f"{option.key}.{field} must be one of {', '.join(choices)}; got {shown(value)}".lstrip("."))


@functools.cache
def field_sentences(option: type) -> dict[str, str]:
    """Returns the sentence under each field of an option class, including inherited fields.

    A field that is made by a loop has no source to read; it keeps its sentence in metadata["sentence"].
    """
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
    fields = dataclasses.fields(option)
    sentences |= {field.name: field.metadata["sentence"] for field in fields if "sentence" in field.metadata}
    return {field.name: sentences[field.name] for field in fields if field.name in sentences}
