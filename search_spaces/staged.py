"""The range of fine-tuning stages: how many stages, what each trains, for how long, and at which rates.

    Stages(parts=(("heads",), ("heads", "encoder")), epochs=Int(2, 20), rates={"encoder_rate": Float(.01, 1, log=True)}, most=2)
      --ask--> two, [heads], 4, ...  -->  ["stages=two", "stages.first.trains=[heads]", "stages.first.epochs=4", ...]
The space skips questions without effect: rates of parts that a stage does not train, and parts that the model lacks.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from search_spaces.space import Asker, Choice, Float, Int, Range, Row, Space
from ser_core.config.published_system import ENCODERS
from ser_core.config.tree import Config
from ser_core.errors import SettingError
from ser_core.stages import PARTS, STAGES

NUMBERS = tuple(STAGES)
"""Options of the group (one, two, ...), each with one more stage than the previous one."""
ORDER = tuple(list(STAGES.values())[-1]().all())
"""Stages of the longest option: first, second, ..."""


@dataclasses.dataclass(frozen=True)
class Stages:
    """One to `most` stages, which all choose from the same parts and ranges.

    Parameter names do not depend on the number of stages, so that results on the first stage help with any number.
    """

    parts: tuple[tuple[str, ...], ...]
    """Selections that a stage may train, each from stages.PARTS in any order."""
    epochs: Int
    """Range of the maximum epochs of each stage."""
    rates: Mapping[str, Float] = dataclasses.field(default_factory=dict)
    """Range of `<part>_rate`, used when the stage trains that part; above 0, since 0 would not train it."""
    most: int = 2
    there: tuple[str, ...] = PARTS
    """Parts of the model. Other parts are left out of every selection."""
    numeric: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.most <= len(NUMBERS):
            raise SettingError(f"stages: the number must be 1 to {len(NUMBERS)}, got {self.most}")
        named = [*(part for selection in self.parts for part in selection), *(rate.removesuffix("_rate") for rate in self.rates)]
        if unknown := [part for part in named if part not in PARTS]:
            raise SettingError(f"stages: no such part {unknown[0]!r}; choose from {', '.join(PARTS)}")
        if still := [rate for rate, varied in self.rates.items() if not varied.low > 0]:
            raise SettingError(f"stages: {still[0]} must start above 0; to leave a part untrained, add a selection without it")
        if not self.trains.values:
            raise SettingError(f"stages: no selection trains anything; give one from {', '.join(self.there)}")

    @property
    def number(self) -> Choice:
        """Choice of the number of stages."""
        return Choice(NUMBERS[: self.most])

    @property
    def trains(self) -> Choice:
        """Choice of the parts that a stage trains, without duplicates."""
        return Choice(tuple(dict.fromkeys(filter(None, map(self._written, self.parts)))))

    def among(self, parts: Collection[str]) -> "Stages":
        """Returns the same range for a model that has only these parts."""
        return dataclasses.replace(self, there=tuple(part for part in PARTS if part in parts))

    def overrides(self, key: str, asker: Asker) -> list[str]:
        chosen = self.number.overrides(key, asker)
        return [*chosen, *(each for stage in self._reached(chosen[0]) for each in self._stage(f"{key}.{stage}", asker))]

    def rows(self, key: str) -> list[Row]:
        asked = self.number.rows(key)
        for place, stage in enumerate(ORDER[: self.most]):
            reached = f"{key}={' or '.join(NUMBERS[place : self.most])}" if place else ""
            trains = f"{key}.{stage}.trains"
            rates = {rate: f"{trains} has {rate.removesuffix('_rate')}" for rate in self._rates(self.there)}
            ranges: dict[str, tuple[Range, str]] = {
                "trains": (self.trains, reached),
                "epochs": (self.epochs, reached),
                **{rate: (self.rates[rate], " and ".join(filter(None, [reached, has]))) for rate, has in rates.items()},
            }
            for name, (varied, condition) in ranges.items():
                asked += [dataclasses.replace(row, condition=condition) for row in varied.rows(f"{key}.{stage}.{name}")]
        return asked

    def parameters(self, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        answers = self.number.parameters(key, given)
        for stage in self._reached(f"{key}={answers.get(key, NUMBERS[0])}"):
            trains = f"{key}.{stage}.trains"
            listed = self._written(_parts(given[trains])) if trains in given else ""
            answers |= self.trains.parameters(trains, {trains: listed or given[trains]} if trains in given else {})
            answers |= self.epochs.parameters(f"{key}.{stage}.epochs", given)
            for rate in self._rates(_parts(listed) if trains in given else self.there):
                answers |= self.rates[rate].parameters(f"{key}.{stage}.{rate}", given)
        return answers

    def _stage(self, key: str, asker: Asker) -> list[str]:
        """Returns one stage as overrides."""
        trains = self.trains.overrides(f"{key}.trains", asker)
        rates = {rate: self.rates[rate] for rate in self._rates(_parts(trains[0].partition("=")[2]))}
        ranges: dict[str, Range] = {"epochs": self.epochs, **rates}
        return [*trains, *(each for name, varied in ranges.items() for each in varied.overrides(f"{key}.{name}", asker))]

    def _reached(self, number: str) -> tuple[str, ...]:
        """Returns the stages that exist under `<key>=<number>`."""
        return ORDER[: NUMBERS.index(number.partition("=")[2]) + 1]

    def _rates(self, trained: Collection[str]) -> list[str]:
        """Returns the rates that have an effect when these parts are trained."""
        return [rate for rate in self.rates if rate.removesuffix("_rate") in trained]

    def _written(self, parts: Collection[str]) -> str:
        """Returns a selection as an override's value in a fixed order; empty if the model has none of its parts."""
        listed = [part for part in PARTS if part in parts and part in self.there]
        return f"[{','.join(listed)}]" if listed and set(parts) <= set(PARTS) else ""


def _parts(value: str) -> Sequence[str]:
    """Returns the parts in an override's value.

    >>> _parts("[heads, fusion]")
    ['heads', 'fusion']
    """
    return [part.strip() for part in value.strip("[] ").split(",")]


def within_reach(space: Space, config: Config) -> Space:
    """Returns the space with stages limited to the parts of this model; unchanged if the space varies the encoders too."""
    if any(key.startswith(ENCODERS) for key in space.ranges):
        return space
    there = config.model.parts
    ranges = {key: varied.among(there) if isinstance(varied, Stages) else varied for key, varied in space.ranges.items()}
    return dataclasses.replace(space, ranges=ranges)
