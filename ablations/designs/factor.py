"""A factor of an ablation, as it is typed, and what a design makes of several.

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
        """The override for the value at that place."""
        return f"{self.key}={self.values[level]}"


@dataclasses.dataclass(frozen=True)
class Designed:
    """The variants of a study, the baseline first."""

    variants: tuple[Variant, ...]
    levels: tuple[tuple[int, ...], ...]
    """Which value of each factor a variant has [variants factors]; -1 where it leaves the key alone."""
    notes: tuple[str, ...]
    """Sentences that stand below the table."""


@dataclasses.dataclass(frozen=True)
class Design:
    """A way to combine factors. `make` is given factors that `check` has let pass, and the least resolution."""

    meaning: str
    """One sentence for the help."""
    make: Callable[[Sequence[Factor], int], Designed]
    fewest: int
    """Values that every factor needs at least."""
    most: int = 0
    """Values that every factor may have; 0 is any number."""
    crossed: bool = False
    """Whether levels are crossed, so that effects and interactions can be estimated."""


def parse_factor(text: str) -> Factor:
    """A factor from `key=value,value`; commas inside brackets and quotes part nothing. Raises SettingError.

    >>> parse_factor("tasks.dimensions.names=[valence,arousal],[valence]").values
    ('[valence,arousal]', '[valence]')
    >>> parse_factor("corpus.path='a, b.csv',日本語.csv").values
    ("'a, b.csv'", '日本語.csv')
    """
    key, equals, values = text.partition("=")
    found = tuple(each.strip() for each in _values(values))
    if not equals or not key.strip() or not all(found):
        raise SettingError(f"--factor {text}: write key=value,value, as model.fusion=concat,bridge; quote a value with a comma")
    if len(set(found)) < len(found):
        raise SettingError(f"--factor {text}: a value is given twice; keep one")
    return Factor(key.strip().replace("/", "."), found)


def _values(text: str) -> list[str]:
    """The values that commas part; what begins with a bracket goes on to the one that closes it."""
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
    """The name of the variant with these levels: what it sets, in short."""
    keys = [factor.key for factor in factors]
    return ", ".join(
        f"{short(factor.key, keys)}={factor.values[level]}" for factor, level in zip(factors, levels, strict=True) if level >= 0
    )


def short(key: str, keys: Sequence[str]) -> str:
    """A key without its first part, where no other of the keys then reads the same.

    >>> short("model.fusion", ["model.fusion", "optim.batch"]), short("a.x", ["a.x", "b.x"])
    ('fusion', 'a.x')
    """
    tails = [each.partition(".")[2] or each for each in keys]
    tail = key.partition(".")[2] or key
    return tail if tails.count(tail) == 1 else key


def combined_variant(factors: Sequence[Factor], levels: Sequence[int]) -> Variant:
    """The variant that sets every factor to its level."""
    overrides = tuple(factor.override(level) for factor, level in zip(factors, levels, strict=True))
    return Variant(name_of(factors, levels), overrides)
