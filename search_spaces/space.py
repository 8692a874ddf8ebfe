"""Search spaces: which settings vary over which ranges. A space turns suggestions into overrides, and back.

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
    """An object that chooses values, such as an Optuna trial."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Row:
    """One question of a space: its name, its range, and its condition (empty means always).

    `asked` is the parameter name for the asker if it differs from `name`.
    """

    name: str
    range: str
    condition: str = ""
    asked: str = ""


class Range(Protocol):
    """The range of one setting."""

    numeric: ClassVar[bool]
    """Whether all its questions ask for unconditional numbers."""

    def overrides(self, key: str, asker: Asker) -> list[str]:
        """Returns the asker's choice for `key` as overrides."""
        ...

    def rows(self, key: str) -> list[Row]:
        """Returns the questions for `key`, with their conditions."""
        ...

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Returns the answers that give these settings of `key`; {} for settings left open. Raises SettingError if outside."""
        ...


def _number(key: str, given: Mapping[str, str], low: float, high: float) -> dict[str, float]:
    """Returns the number given for `key`, if any. Raises SettingError outside the bounds."""
    if key not in given:
        return {}
    try:
        value = float(given[key])
    except ValueError:
        raise SettingError(f"{key}={given[key]} is not a number; the space has numbers from {low:g} to {high:g}") from None
    if not low <= value <= high:
        raise SettingError(f"{key}={given[key]} is outside the space, which goes from {low:g} to {high:g}")
    return {key: value}


def _one_of(key: str, given: Mapping[str, str], values: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the value given for `key`, if any. Raises SettingError if the value is not among `values`."""
    if key not in given:
        return {}
    for value in values:
        if str(value) == given[key]:
            return {key: value}
    raise SettingError(f"{key}={given[key]} is outside the space, which has {', '.join(map(str, values))}")


LEAST_U = 0.01
"""Lower bound of the uniform numbers behind a Simplex."""


@dataclasses.dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, rounded to three significant digits, so that nearly equal choices share an experiment."""

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
    """An integer from `low` to `high`."""

    low: int
    high: int
    log: bool = False
    numeric: ClassVar[bool] = True

    def overrides(self, key: str, asker: Asker) -> list[str]:
        return [f"{key}={asker.suggest_int(key, self.low, self.high, log=self.log)}"]

    def rows(self, key: str) -> list[Row]:
        return [Row(key, f"{self.low} to {self.high}, integer{' (log)' * self.log}")]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        numbers = _number(key, given, self.low, self.high)
        if any(number != round(number) for number in numbers.values()):
            raise SettingError(f"{key}={given[key]}: the space has integers from {self.low} to {self.high}")
        return {name: round(number) for name, number in numbers.items()}


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values, or of several options of a group."""

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
    """0, or a value from a range, such as the weight of an optional task."""

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
    """One of several options of a group, plus the settings of the chosen one: `<key>.<setting>` for each setting that varies.

    The parameter name is `<key>.<option>.<setting>`, so that settings with the same name in different options stay separate.
    """

    options: Mapping[str, Mapping[str, Range]]
    numeric: ClassVar[bool] = False

    def overrides(self, key: str, asker: Asker) -> list[str]:
        name = asker.suggest_categorical(key, tuple(self.options))
        nested = [
            each for setting, varied in self.options[name].items() for each in varied.overrides(f"{key}.{name}.{setting}", asker)
        ]
        return [f"{key}={name}", *(each.replace(f"{key}.{name}.", f"{key}.", 1) for each in nested)]

    def rows(self, key: str) -> list[Row]:
        nested = [
            dataclasses.replace(row, condition=" and ".join(filter(None, [f"{key}={name}", row.condition])))
            for name, settings in self.options.items()
            for setting, varied in settings.items()
            for row in varied.rows(f"{key}.{name}.{setting}")
        ]
        return [Row(key, "one of " + ", ".join(self.options)), *nested]

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        answers = _one_of(key, given, tuple(self.options))
        if not answers:
            return {}
        name = answers[key]
        moved = {f"{key}.{name}.{each.removeprefix(f'{key}.')}": value for each, value in given.items()}
        for setting, varied in self.options[name].items():
            answers |= varied.parameters(f"{key}.{name}.{setting}", moved)
        return answers


@dataclasses.dataclass(frozen=True)
class Simplex:
    """Shares of 1, with two decimals, for the keys `<key>.<part>.<leaf>`, since only the ratios of weights matter.

    Each part has a parameter u in (0, 1]. Shares are proportional to -log u, which is uniform over the simplex if u is
    uniform (a Dirichlet distribution with all parameters 1). A share that rounds to 0 leaves its part out.
    """

    parts: tuple[str, ...]
    leaf: str = "weight"
    numeric: ClassVar[bool] = True

    def among(self, parts: Collection[str]) -> "Simplex":
        """Returns the simplex restricted to `parts`, so that missing parts get no share."""
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
        """Returns the answers for these weights, scaled to a sum of 1. A part without a given weight gets 0."""
        names = [f"{key}.{part}.{self.leaf}" for part in self.parts]
        if not any(name in given for name in names):
            return {}
        weights = [_number(name, given, 0, math.inf).get(name, 0.0) for name in names]
        if not 0 < sum(weights) < math.inf:
            raise SettingError(f"{key}: at least one weight must be above 0")
        scale = min(len(weights) / sum(weights), -math.log(LEAST_U) / max(weights))
        return {f"{key}.{part}.u": math.exp(-scale * weight) for part, weight in zip(self.parts, weights, strict=True)}


@dataclasses.dataclass(frozen=True)
class Space:
    """A search space: a question, the settings that vary, and fixed overrides."""

    name: str
    question: str
    ranges: Mapping[str, Range]
    fixed: tuple[str, ...] = ()

    def among(self, key: str, parts: Collection[str]) -> "Space":
        """Returns the space restricted to `parts`: drops keys of other parts below `key` and shrinks the Simplex at `key`."""
        dealt = {each: varied.among(parts) for each, varied in self.ranges.items() if each == key and isinstance(varied, Simplex)}
        kept = {
            each: varied
            for each, varied in self.ranges.items()
            if not each.startswith(f"{key}.") or each.removeprefix(f"{key}.").partition(".")[0] in parts
        }
        return dataclasses.replace(self, ranges={**kept, **dealt})

    def reaching(self, base: Sequence[str]) -> "Space":
        """Returns the space without settings of encoders that these overrides and the fixed ones do not choose."""
        names = chosen_options(apply_system([*base, *self.fixed], GROUPS).overrides, GROUPS)
        settings = {f"{key}.{setting}" for key in ENCODERS for setting in field_sentences(GROUPS[key][0][names[key]])}
        kept = {key: varied for key, varied in self.ranges.items() if not key.startswith(ENCODERS) or key in settings}
        return dataclasses.replace(self, ranges=kept)

    def beyond(self, narrower: "Space") -> list[str]:
        """Returns a sentence on settings that this space varies and a narrower one does not; empty if they are equal."""
        left = {row.name for row in narrower.rows()}
        gone = [row.name for row in self.rows() if row.name not in left]
        lacking = "corpus, channels and encoders lack what they need"
        return [f"space {self.name} does not vary {', '.join(gone)} here: {lacking}"] if gone else []

    @property
    def numeric(self) -> bool:
        """Whether all questions ask for unconditional numbers."""
        return all(varied.numeric for varied in self.ranges.values())

    def rows(self) -> list[Row]:
        """Returns all questions of the space."""
        return [row for key, varied in self.ranges.items() for row in varied.rows(key)]

    def parameters(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Returns the answers for which `overrides` gives these settings. Other parameters are left open."""
        return {name: answer for key, varied in self.ranges.items() for name, answer in varied.parameters(key, given).items()}

    def overrides(self, asker: Asker) -> list[str]:
        """Returns one point of the space as overrides."""
        return [*self.fixed, *(each for key, varied in self.ranges.items() for each in varied.overrides(key, asker))]


def chosen_space(name: str, spaces: Mapping[str, Space]) -> Space:
    """Returns the space with this name. Raises SettingError that lists the valid names."""
    if name not in spaces:
        raise SettingError(f"no search space {name!r}{nearest(name, spaces)}; choose from {', '.join(spaces)}")
    return spaces[name]
