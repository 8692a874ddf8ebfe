"""Which leaves of the configuration tree vary and over what ranges: a space turns suggestions into overrides, and back.

    {"model.fusion.tokens": Choice(1, 4, 8)}  --ask--> tokens=4 -->  ["model.fusion.tokens=4"]  --parameters--> {...: 4}
The asker is anything with Optuna's three suggest methods; nothing here imports Optuna.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from ser_core.config.override_keys import chosen_options
from ser_core.config.published_system import ENCODERS, apply_system
from ser_core.config.tree import GROUPS
from ser_core.errors import SettingError, nearest
from ser_core.options import field_sentences


class Asker(Protocol):
    """Whoever chooses values: an Optuna trial, or a test's lists."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that is asked: how it is called, over what, and when (always, if `condition` is empty).

    `asked` is the name under which the asker hears it, where that is another one.
    """

    name: str
    range: str
    condition: str = ""
    asked: str = ""


class Range(Protocol):
    """One thing that varies."""

    numeric: ClassVar[bool]
    """Whether all that is asked are numbers in order, none of them asked on a condition."""

    def overrides(self, key: str, asker: Asker) -> list[str]:
        """What the asker chooses for `key`, as overrides."""
        ...

    def rows(self, key: str) -> list[Row]:
        """What is asked for `key`, conditions included."""
        ...

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        """What an asker answers to get these settings of `key`; {} for what they leave open. Raises SettingError outside."""
        ...


def _number(key: str, given: Mapping[str, str], low: float, high: float) -> dict[str, float]:
    """The number given for `key`, if one is. Raises SettingError outside the bounds."""
    if key not in given:
        return {}
    try:
        value = float(given[key])
    except ValueError:
        raise SettingError(f"{key}={given[key]} is no number; the space has numbers from {low:g} to {high:g}") from None
    if not low <= value <= high:
        raise SettingError(f"{key}={given[key]} lies outside the space, which goes from {low:g} to {high:g}")
    return {key: value}


def _one_of(key: str, given: Mapping[str, str], values: tuple[Any, ...]) -> dict[str, Any]:
    """The value given for `key`, if one is. Raises SettingError for what is not among them."""
    if key not in given:
        return {}
    for value in values:
        if str(value) == given[key]:
            return {key: value}
    raise SettingError(f"{key}={given[key]} lies outside the space, which has {', '.join(map(str, values))}")


LEAST_U = 0.01
"""Lower end of the numbers behind a Simplex."""


@dataclasses.dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, to three significant digits, so that equal choices are equal experiments."""

    low: float
    high: float
    log: bool = False
    numeric: ClassVar[bool] = True

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_float(key, self.low, self.high, log=self.log):.3g}"]

    def rows(self, key: str) -> list[Row]:
        return [Row(key, f"{self.low:g} to {self.high:g}{' (log)' * self.log}")]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        return dict(_number(key, given, self.low, self.high))


@dataclasses.dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`."""

    low: int
    high: int
    log: bool = False
    numeric: ClassVar[bool] = True

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_int(key, self.low, self.high, log=self.log)}"]

    def rows(self, key: str) -> list[Row]:
        return [Row(key, f"{self.low} to {self.high}, whole{' (log)' * self.log}")]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        numbers = _number(key, given, self.low, self.high)
        if any(number != round(number) for number in numbers.values()):
            raise SettingError(f"{key}={given[key]}: the space has whole numbers from {self.low} to {self.high}")
        return {name: round(number) for name, number in numbers.items()}


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values, or of some options of a group."""

    values: tuple[Any, ...]
    numeric: ClassVar[bool] = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_categorical(key, self.values)}"]

    def rows(self, key: str) -> list[Row]:
        return [Row(key, "one of " + ", ".join(map(str, self.values)))]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        return _one_of(key, given, self.values)


@dataclasses.dataclass(frozen=True)
class OffOr:
    """0, or something of a range: a task that is there or not, say."""

    varied: Float
    numeric: ClassVar[bool] = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return self.varied.overrides(key, asker) if asker.suggest_categorical(f"{key}.on", (False, True)) else [f"{key}=0"]

    def rows(self, key: str) -> list[Row]:
        asked = [dataclasses.replace(row, condition=f"{key} is not 0") for row in self.varied.rows(key)]
        return [Row(f"{key}.on", "0 or not"), *asked]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        if key not in given:
            return {}
        off = _number(key, given, 0, math.inf)[key] == 0
        return {f"{key}.on": False} if off else {f"{key}.on": True, **self.varied.parameters(key, given)}


@dataclasses.dataclass(frozen=True)
class OneOf:
    """One of some options of a group, and what varies in the one that is chosen: `<key>.<knob>` for each of its knobs.

    The asker is asked for `<key>.<option>.<knob>`, so that a knob of the same name in another option is another question.
    """

    options: Mapping[str, Mapping[str, Range]]
    numeric: ClassVar[bool] = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        name = asker.suggest_categorical(key, tuple(self.options))
        nested = [each for knob, varied in self.options[name].items() for each in varied.overrides(f"{key}.{name}.{knob}", asker)]
        return [f"{key}={name}", *(each.replace(f"{key}.{name}.", f"{key}.", 1) for each in nested)]

    def rows(self, key: str) -> list[Row]:
        nested = [
            dataclasses.replace(row, condition=" and ".join(filter(None, [f"{key}={name}", row.condition])))
            for name, knobs in self.options.items()
            for knob, varied in knobs.items()
            for row in varied.rows(f"{key}.{name}.{knob}")
        ]
        return [Row(key, "one of " + ", ".join(self.options)), *nested]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        answers = _one_of(key, given, tuple(self.options))
        if not answers:
            return {}
        name = answers[key]
        moved = {f"{key}.{name}.{each.removeprefix(f'{key}.')}": value for each, value in given.items()}
        for knob, varied in self.options[name].items():
            answers |= varied.parameters(f"{key}.{name}.{knob}", moved)
        return answers


@dataclasses.dataclass(frozen=True)
class Simplex:
    """Shares of 1, to two decimals, for the keys `<key>.<part>.<leaf>`: scaling all weights alike is no direction.

    Each part is asked for a number u in (0, 1]; shares are proportional to -log u, which is uniform over the simplex
    when u is (a Dirichlet distribution with all parameters 1). A share that rounds to 0 leaves its part out.
    """

    parts: tuple[str, ...]
    leaf: str = "weight"
    numeric: ClassVar[bool] = True

    def among(self, parts: Collection[str]) -> "Simplex":
        """The same over those of its parts that are among `parts`: nothing is dealt to what is not there."""
        return dataclasses.replace(self, parts=tuple(part for part in self.parts if part in parts))

    def overrides(self, key: str, asker: Asker) -> list[str]:
        draws = [-math.log(asker.suggest_float(f"{key}.{part}.u", LEAST_U, 1.0)) + 1e-9 for part in self.parts]
        hundredths = [round(100 * draw / sum(draws)) for draw in draws]
        hundredths[hundredths.index(max(hundredths))] += 100 - sum(hundredths)
        return [f"{key}.{part}.{self.leaf}={share / 100:g}" for part, share in zip(self.parts, hundredths, strict=True)]

    def rows(self, key: str) -> list[Row]:
        shared = f"its share of 1 among {', '.join(self.parts)}"
        return [
            Row(f"{key}.{part}.{self.leaf}", shared if part == self.parts[0] else "its share", "", f"{key}.{part}.u")
            for part in self.parts
        ]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Weights are scaled to a sum of 1 (no direction of the space); a part that is not given gets none."""
        names = [f"{key}.{part}.{self.leaf}" for part in self.parts]
        if not any(name in given for name in names):
            return {}
        weights = [_number(name, given, 0, math.inf).get(name, 0.0) for name in names]
        if not 0 < sum(weights) < math.inf:
            raise SettingError(f"{key}: one weight at least must be above 0")
        scale = min(len(weights) / sum(weights), -math.log(LEAST_U) / max(weights))
        return {f"{key}.{part}.u": math.exp(-scale * weight) for part, weight in zip(self.parts, weights, strict=True)}


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
        names = chosen_options(apply_system([*base, *self.fixed], GROUPS).overrides, GROUPS)
        knobs = {f"{key}.{knob}" for key in ENCODERS for knob in field_sentences(GROUPS[key][0][names[key]])}
        kept = {key: varied for key, varied in self.ranges.items() if not key.startswith(ENCODERS) or key in knobs}
        return dataclasses.replace(self, ranges=kept)

    def beyond(self, narrower: "Space") -> list[str]:
        """A sentence on what this space varies and a narrower one does not; none where they are alike."""
        left = {row.name for row in narrower.rows()}
        gone = [row.name for row in self.rows() if row.name not in left]
        lacking = "corpus, channels and encoders lack what they need"
        return [f"space {self.name} does not vary {', '.join(gone)} here: {lacking}"] if gone else []

    @property
    def numeric(self) -> bool:
        """Whether every question is one of numbers, asked always."""
        return all(varied.numeric for varied in self.ranges.values())

    def rows(self) -> list[Row]:
        """All that is asked."""
        return [row for key, varied in self.ranges.items() for row in varied.rows(key)]

    def parameters(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The answers by which `overrides` makes these settings, as far as they are the space's; the rest is left open."""
        return {name: answer for key, varied in self.ranges.items() for name, answer in varied.parameters(key, given).items()}

    def overrides(self, asker: Asker) -> list[str]:
        """One point of the space."""
        return [*self.fixed, *(each for key, varied in self.ranges.items() for each in varied.overrides(key, asker))]


def chosen_space(name: str, spaces: Mapping[str, Space]) -> Space:
    """The space of that name. Raises SettingError listing the others."""
    if name not in spaces:
        raise SettingError(f"no search space {name!r}{nearest(name, spaces)}; choose from {', '.join(spaces)}")
    return spaces[name]
