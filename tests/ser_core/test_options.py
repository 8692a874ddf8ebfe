"""How an option states its knobs: bounds name the key, the bound and the value; every field has its sentence."""

import dataclasses
from typing import ClassVar

import pytest

from ser_core.errors import SettingError
from ser_core.options import Option, at_least, field_sentences, location_field, one_of, within


@dataclasses.dataclass(frozen=True)
class Lamp(Option):
    """Knobs of a lamp."""

    key: ClassVar[str] = "lamp"
    watts: float = 5.0
    """Power, in
    watts."""
    colour: str = "white"
    """Its colour."""
    place: str = location_field("")
    """Where it hangs."""


@dataclasses.dataclass(frozen=True)
class Torch(Lamp):
    """A lamp one carries."""

    watts: float = 1.0
    """Less power."""
    cells: int = 2
    """Batteries."""


def test_sentences_are_inherited_and_overridden() -> None:
    assert field_sentences(Lamp) == {"watts": "Power, in watts.", "colour": "Its colour.", "place": "Where it hangs."}
    assert field_sentences(Torch) == field_sentences(Lamp) | {"watts": "Less power.", "cells": "Batteries."}


def test_a_location_is_marked() -> None:
    assert [field.name for field in dataclasses.fields(Torch) if field.metadata.get("location")] == ["place"]


@pytest.mark.parametrize("value", [0.0, 10.0, 5])
def test_bounds_are_inclusive(value: float) -> None:
    within(Lamp(watts=value), "watts", 0, 10)
    at_least(Lamp(watts=value), "watts", value)


@pytest.mark.parametrize("value", [-0.1, 10.1, float("nan"), float("inf")])
def test_a_value_outside_is_refused_with_key_bounds_and_value(value: float) -> None:
    with pytest.raises(SettingError, match=rf"^lamp\.watts must be from 0 to 10, got {value}$"):
        within(Lamp(watts=value), "watts", 0, 10)


@pytest.mark.parametrize("value", [2.9, float("nan"), float("inf")])
def test_a_value_too_small_or_not_finite_is_refused(value: float) -> None:
    with pytest.raises(SettingError, match=r"^lamp\.watts must be at least 3, got"):
        at_least(Lamp(watts=value), "watts", 3)


def test_a_word_outside_its_choices_is_refused() -> None:
    one_of(Lamp(), "colour", ("white", "red"))
    with pytest.raises(SettingError, match=r"^lamp\.colour must be one of red, blue; got 'white'$"):
        one_of(Lamp(), "colour", ("red", "blue"))
