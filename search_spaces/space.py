"""Which leaves of the configuration tree vary and over what ranges: a space turns suggestions into overrides.

    {"model.fusion.tokens": Choice(1, 4, 8)}  --ask--> tokens=4 -->  ["model.fusion.tokens=4"]
The asker is anything with Optuna's three suggest methods; nothing here imports Optuna.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ser_core.config import GROUPS
from ser_core.errors import SettingError
from ser_core.keys import chosen, nearest
from ser_core.options import field_sentences
from ser_core.systems.applied import ENCODERS, applied


class Asker(Protocol):
    """Whoever chooses values: an Optuna trial, or a test's lists."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


class Range(Protocol):
    """One thing that varies."""

    def overrides(self, key: str, asker: Asker) -> list[str]:
        """What the asker chooses for `key`, as overrides."""
        ...


@dataclasses.dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, to three significant digits, so that equal choices are equal experiments."""

    low: float
    high: float
    log: bool = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_float(key, self.low, self.high, log=self.log):.3g}"]


@dataclasses.dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`."""

    low: int
    high: int
    log: bool = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_int(key, self.low, self.high, log=self.log)}"]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values, or of some options of a group."""

    values: tuple[Any, ...]

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_categorical(key, self.values)}"]


@dataclasses.dataclass(frozen=True)
class OffOr:
    """0, or something of a range: a task that is there or not, say."""

    varied: Float

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return self.varied.overrides(key, asker) if asker.suggest_categorical(f"{key}.on", (False, True)) else [f"{key}=0"]


@dataclasses.dataclass(frozen=True)
class OneOf:
    """One of some options of a group, and what varies in the one that is chosen: `<key>.<knob>` for each of its knobs.

    The asker is asked for `<key>.<option>.<knob>`, so that a knob of the same name in another option is another question.
    """

    options: Mapping[str, Mapping[str, Range]]

    def overrides(self, key: str, asker: Asker) -> list[str]:
        name = asker.suggest_categorical(key, tuple(self.options))
        nested = [each for knob, varied in self.options[name].items() for each in varied.overrides(f"{key}.{name}.{knob}", asker)]
        return [f"{key}={name}", *(each.replace(f"{key}.{name}.", f"{key}.", 1) for each in nested)]


@dataclasses.dataclass(frozen=True)
class Simplex:
    """Shares of 1, to two decimals, for the keys `<key>.<part>.<leaf>`: scaling all weights alike is no direction.

    Each part is asked for a number u in (0, 1]; shares are proportional to -log u, which is uniform over the simplex
    when u is (a Dirichlet distribution with all parameters 1). A share that rounds to 0 leaves its part out.
    """

    parts: tuple[str, ...]
    leaf: str = "weight"

    def among(self, parts: Collection[str]) -> "Simplex":
        """The same over those of its parts that are among `parts`: nothing is dealt to what is not there."""
        return dataclasses.replace(self, parts=tuple(part for part in self.parts if part in parts))

    def overrides(self, key: str, asker: Asker) -> list[str]:
        draws = [-math.log(asker.suggest_float(f"{key}.{part}.u", 0.01, 1.0)) + 1e-9 for part in self.parts]
        hundredths = [round(100 * draw / sum(draws)) for draw in draws]
        hundredths[hundredths.index(max(hundredths))] += 100 - sum(hundredths)
        return [f"{key}.{part}.{self.leaf}={share / 100:g}" for part, share in zip(self.parts, hundredths, strict=True)]


@dataclasses.dataclass(frozen=True)
class Space:
    """A question, what stays fixed while it is asked, and what varies."""

    name: str
    question: str
    ranges: Mapping[str, Range]
    fixed: tuple[str, ...] = ()

    def among(self, key: str, parts: Collection[str]) -> "Space":
        """The same space over these parts alone: without keys of others below `key`, and a Simplex at `key` over these."""
        dealt = {each: varied.among(parts) for each, varied in self.ranges.items() if each == key and isinstance(varied, Simplex)}
        kept = {
            each: varied
            for each, varied in self.ranges.items()
            if not each.startswith(f"{key}.") or each.removeprefix(f"{key}.").partition(".")[0] in parts
        }
        return dataclasses.replace(self, ranges={**kept, **dealt})

    def reaching(self, base: Sequence[str]) -> "Space":
        """The same space without knobs of encoders that these overrides, with what is fixed, do not choose."""
        names = chosen(applied([*base, *self.fixed], GROUPS).overrides, GROUPS)
        knobs = {f"{key}.{knob}" for key in ENCODERS for knob in field_sentences(GROUPS[key][0][names[key]])}
        kept = {key: varied for key, varied in self.ranges.items() if not key.startswith(ENCODERS) or key in knobs}
        return dataclasses.replace(self, ranges=kept)

    def overrides(self, asker: Asker) -> list[str]:
        """One point of the space."""
        return [*self.fixed, *(each for key, varied in self.ranges.items() for each in varied.overrides(key, asker))]


def chosen_space(name: str, spaces: Mapping[str, Space]) -> Space:
    """The space of that name. Raises SettingError listing the others."""
    if name not in spaces:
        raise SettingError(f"no search space {name!r}{nearest(name, spaces)}; choose from {', '.join(spaces)}")
    return spaces[name]
