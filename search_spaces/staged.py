"""How many stages, what each trains, for how long, at which rates: the range of fine-tuning as one thinks of it.

    Stages(parts=(("heads",), ("heads", "encoder")), epochs=Int(2, 20), rates={"encoder_rate": Float(.01, 1, log=True)}, most=2)
      --ask--> two, [heads], 4, ...  -->  ["stages=two", "stages.first.trains=[heads]", "stages.first.epochs=4", ...]
Nothing is asked that would change nothing: no rate of a part that the stage leaves alone, no part that the model lacks.
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
"""one, two, ...: the options of the group, each with a stage more than the one before it."""
ORDER = tuple(list(STAGES.values())[-1]().all())
"""first, second, ...: the stages of the longest of them."""


@dataclasses.dataclass(frozen=True)
class Stages:
    """One stage or several, up to `most`; all of them choose from the same parts and ranges.

    The asker hears the keys as they are, so that what is learned of the first stage serves whatever follows it.
    """

    parts: tuple[tuple[str, ...], ...]
    """What a stage may train, each a selection from stages.PARTS, in any order."""
    epochs: Int
    """Most epochs of each stage."""
    rates: Mapping[str, Float] = dataclasses.field(default_factory=dict)
    """Range of `<part>_rate`, asked where the stage trains that part; above 0, since at 0 it would not."""
    most: int = 2
    there: tuple[str, ...] = PARTS
    """What the model has: other parts are left out of every selection."""
    numeric: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.most <= len(NUMBERS):
            raise SettingError(f"stages: there can be 1 to {len(NUMBERS)}, got {self.most}")
        named = [*(part for selection in self.parts for part in selection), *(rate.removesuffix("_rate") for rate in self.rates)]
        if unknown := [part for part in named if part not in PARTS]:
            raise SettingError(f"stages: there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
        if still := [rate for rate, varied in self.rates.items() if not varied.low > 0]:
            raise SettingError(f"stages: {still[0]} must begin above 0; to leave a part alone, offer a selection without it")
        if not self.trains.values:
            raise SettingError(f"stages: nothing to train is offered; give a selection from {', '.join(self.there)}")

    @property
    def number(self) -> Choice:
        """How many stages."""
        return Choice(NUMBERS[: self.most])

    @property
    def trains(self) -> Choice:
        """What a stage trains, each selection once."""
        return Choice(tuple(dict.fromkeys(filter(None, map(self._written, self.parts)))))

    def among(self, parts: Collection[str]) -> "Stages":
        """The same for a model that has these parts alone."""
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
        """One stage as overrides."""
        trains = self.trains.overrides(f"{key}.trains", asker)
        rates = {rate: self.rates[rate] for rate in self._rates(_parts(trains[0].partition("=")[2]))}
        ranges: dict[str, Range] = {"epochs": self.epochs, **rates}
        return [*trains, *(each for name, varied in ranges.items() for each in varied.overrides(f"{key}.{name}", asker))]

    def _reached(self, number: str) -> tuple[str, ...]:
        """The stages that there are under `<key>=<number>`."""
        return ORDER[: NUMBERS.index(number.partition("=")[2]) + 1]

    def _rates(self, trained: Collection[str]) -> list[str]:
        """The rates that matter where these parts are trained."""
        return [rate for rate in self.rates if rate.removesuffix("_rate") in trained]

    def _written(self, parts: Collection[str]) -> str:
        """A selection as an override's value, always in one order; empty where the model has none of it."""
        listed = [part for part in PARTS if part in parts and part in self.there]
        return f"[{','.join(listed)}]" if listed and set(parts) <= set(PARTS) else ""


def _parts(value: str) -> Sequence[str]:
    """The parts in an override's value.

    >>> _parts("[heads, fusion]")
    ['heads', 'fusion']
    """
    return [part.strip() for part in value.strip("[] ").split(",")]


def within_reach(space: Space, config: Config) -> Space:
    """The space with stages that train what models of this configuration have; as it is where it varies the encoders too."""
    if any(key.startswith(ENCODERS) for key in space.ranges):
        return space
    there = config.model.parts
    ranges = {key: varied.among(there) if isinstance(varied, Stages) else varied for key, varied in space.ranges.items()}
    return dataclasses.replace(space, ranges=ranges)
