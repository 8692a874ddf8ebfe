"""Factors of an ablation as typed, and the variants that a design makes from several.

model.fusion=concat,bridge  -->  Factor("model.fusion", ("concat", "bridge"))  --design-->  variants
"""

import dataclasses
from collections.abc import Callable, Sequence

from ablations.variant import Variant
from ser_core.errors import SettingError
from ser_core.override_values import parted


@dataclasses.dataclass(frozen=True)
class Factor:
    """One key of the configuration and the values it takes; the first is the baseline's."""

    key: str
    values: tuple[str, ...]

    def override(self, level: int) -> str:
        """Returns the override for the value at this index."""
        return f"{self.key}={self.values[level]}"


@dataclasses.dataclass(frozen=True)
class Designed:
    """The variants of a study, baseline first."""

    variants: tuple[Variant, ...]
    levels: tuple[tuple[int, ...], ...]
    """Index of each factor's value per variant [variants factors]; -1 if the variant does not set the key."""
    notes: tuple[str, ...]
    """Sentences shown below the table."""


@dataclasses.dataclass(frozen=True)
class Design:
    """A way to combine factors. `make` receives checked factors and the minimum resolution."""

    meaning: str
    """Short description for messages and questions."""
    make: Callable[[Sequence[Factor], int], Designed]
    fewest: int
    """Minimum number of values per factor."""
    most: int = 0
    """Maximum number of values per factor; 0 sets no limit."""
    crossed: bool = False
    """Whether levels are crossed, so that effects and interactions can be estimated."""


def parse_factor(text: str) -> Factor:
    """Parses a factor from `key=value,value`. Commas inside brackets and quotes do not split. Raises SettingError if invalid.

    >>> parse_factor("tasks.dimensions.names=[valence,arousal],[valence]").values
    ('[valence,arousal]', '[valence]')
    >>> parse_factor("corpus.path='a, b.csv',日本語.csv").values
    ("'a, b.csv'", '日本語.csv')
    """
    key, equals, values = text.partition("=")
    found = tuple(each.strip() for each in _values(values))
    if not equals or not key.strip() or not all(found):
        raise SettingError(
            f"--factor {text}: write key=value,value, such as model.fusion=concat,bridge; quote a value with a comma"
        )
    if len(set(found)) < len(found):
        raise SettingError(f"--factor {text}: a value is given twice; keep one")
    return Factor(key.strip().replace("/", "."), found)


def _values(text: str) -> list[str]:
    """Splits values at commas. A value that starts with a bracket extends to the closing bracket."""
    closing = {"[": "]", "{": "}"}
    found: list[str] = []
    for piece in parted(text):
        last = found[-1].strip() if found else ""
        if last and last[0] in closing and not last.endswith(closing[last[0]]):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def name_of(factors: Sequence[Factor], levels: Sequence[int]) -> str:
    """Returns the name of the variant with these levels: a short form of its overrides."""
    keys = [factor.key for factor in factors]
    return ", ".join(
        f"{short(factor.key, keys)}={factor.values[level]}" for factor, level in zip(factors, levels, strict=True) if level >= 0
    )


def short(key: str, keys: Sequence[str]) -> str:
    """Returns a key without its first part, unless another key would then look the same.

    >>> short("model.fusion", ["model.fusion", "optim.batch"]), short("a.x", ["a.x", "b.x"])
    ('fusion', 'a.x')
    """
    tails = [each.partition(".")[2] or each for each in keys]
    tail = key.partition(".")[2] or key
    return tail if tails.count(tail) == 1 else key


def combined_variant(factors: Sequence[Factor], levels: Sequence[int]) -> Variant:
    """Returns the variant that sets every factor to its level."""
    overrides = tuple(factor.override(level) for factor, level in zip(factors, levels, strict=True))
    return Variant(name_of(factors, levels), overrides)
