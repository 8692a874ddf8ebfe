"""Stages as a range: answers lead to overrides and back, and nothing is asked that changes nothing."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.space import Float, Int, Space
from search_spaces.spaces import SPACES
from search_spaces.staged import NUMBERS, ORDER, Stages, within_reach
from ser_core.config.compose import compose
from ser_core.errors import SettingError
from ser_core.stages import PARTS
from tests.search_spaces.test_spaces import Answering, Drawn, settings

ALL, FROZEN = ("heads", "fusion", "adapters", "encoder"), ("heads", "fusion")
RATE = Float(0.01, 1, log=True)
TWO = Stages(parts=(FROZEN, ALL), epochs=Int(2, 20), rates={"encoder_rate": RATE})


class Noting(Drawn):
    """Also keeps what it was asked for."""

    def __init__(self, share):
        super().__init__(share)
        self.asked = []

    def suggest_float(self, name, low, high, *, log=False):
        self.asked.append(name)
        return super().suggest_float(name, low, high, log=log)

    def suggest_int(self, name, low, high, *, log=False):
        self.asked.append(name)
        return super().suggest_int(name, low, high, log=log)

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        return super().suggest_categorical(name, choices)


@st.composite
def ranges(draw):
    """Stages over any selections, rates and numbers, for a model that has some of the parts."""
    selections = draw(st.lists(st.permutations(PARTS).flatmap(lambda parts: st.integers(1, 4).map(lambda n: tuple(parts[:n])))))
    rates = draw(st.sets(st.sampled_from(PARTS)))
    low = draw(st.integers(1, 5))
    made = Stages(
        parts=(("heads",), *selections),
        epochs=Int(low, low + draw(st.integers(0, 9))),
        rates={f"{part}_rate": RATE for part in sorted(rates)},
        most=draw(st.integers(1, len(NUMBERS))),
    )
    return made.among({"heads", *draw(st.sets(st.sampled_from(PARTS)))})


@given(ranges(), st.integers(0, 10**6))
def test_parameters_are_the_inverse_of_overrides(varied, seed):
    asker = Noting(random.Random(seed).random)
    overrides = varied.overrides("stages", asker)
    answers = varied.parameters("stages", settings(overrides))
    assert set(answers) == set(asker.asked)
    asked = Answering(answers)
    assert varied.overrides("stages", asked) == overrides
    assert not asked.answers
    assert set(answers) <= {row.name for row in varied.rows("stages")}


@given(ranges(), st.integers(0, 10**6))
def test_every_answer_makes_a_difference(varied, seed):
    """No rate of a part that its stage leaves alone, no part that the model lacks, no stage beyond the last."""
    given_ = settings(varied.overrides("stages", Drawn(random.Random(seed).random)))
    stages = ORDER[: NUMBERS.index(given_["stages"]) + 1]
    for key, value in given_.items():
        _, _, knob = key.partition(".")
        stage, _, name = knob.partition(".")
        assert not knob or stage in stages
        if name == "trains":
            assert set(value.strip("[]").split(",")) <= set(varied.there)
        if name.endswith("_rate"):
            assert name.removesuffix("_rate") in given_[f"stages.{stage}.trains"].strip("[]").split(",")


def test_both_ends_as_they_are_written():
    assert TWO.overrides("stages", Drawn(lambda: 0.0)) == [
        *("stages=one", "stages.first.trains=[heads,fusion]", "stages.first.epochs=2")
    ]
    each = ("trains=[heads,fusion,adapters,encoder]", "epochs=20", "encoder_rate=1")
    assert TWO.overrides("stages", Drawn(lambda: 1.0)) == [
        "stages=two",
        *(f"stages.{stage}.{setting}" for stage in ("first", "second") for setting in each),
    ]


def test_conditions_stand_beside_what_they_govern():
    rows = {row.name: row.condition for row in dataclasses.replace(TWO, most=3).rows("stages")}
    assert rows["stages"] == rows["stages.first.epochs"] == ""
    assert rows["stages.first.encoder_rate"] == "stages.first.trains has encoder"
    assert rows["stages.second.epochs"] == "stages=two or three"
    assert rows["stages.third.encoder_rate"] == "stages=three and stages.third.trains has encoder"


def test_a_point_by_hand_may_leave_things_open_and_name_parts_in_any_order():
    assert TWO.parameters("stages", {"stages": "two"}) == {"stages": "two"}
    assert TWO.parameters("stages", {"stages.first.epochs": "5"}) == {"stages.first.epochs": 5}
    by_hand = {"stages": "one", "stages.first.trains": "[encoder, adapters,fusion,heads]", "stages.second.epochs": "3"}
    assert TWO.parameters("stages", by_hand) == {"stages": "one", "stages.first.trains": "[heads,fusion,adapters,encoder]"}
    frozen = {"stages.first.trains": "[heads,fusion]", "stages.first.encoder_rate": "0.5"}
    assert TWO.parameters("stages", frozen) == {"stages.first.trains": "[heads,fusion]"}


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        ({"stages": "three"}, "stages=three is outside the space, which has one, two"),
        ({"stages.first.trains": "[heads]"}, r"which has \[heads,fusion\], \[heads,fusion,adapters,encoder\]"),
        ({"stages.first.trains": "[heads,fusion,ears]"}, r"trains=\[heads,fusion,ears\] is outside"),
        ({"stages.first.epochs": "21"}, "goes from 2 to 20"),
        ({"stages.first.trains": "[heads,fusion,adapters,encoder]", "stages.first.encoder_rate": "2"}, "goes from 0.01 to 1"),
    ],
)
def test_a_point_outside_is_refused(given_, complaint):
    with pytest.raises(SettingError, match=complaint):
        TWO.parameters("stages", given_)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"most": 4}, "the number must be 1 to 3, got 4"),
        ({"parts": (("heads", "ears"),)}, "no such part 'ears'"),
        ({"rates": {"ears_rate": RATE}}, "no such part 'ears'"),
        ({"rates": {"encoder_rate": Float(0, 1)}}, "encoder_rate must start above 0"),
        ({"parts": (("encoder",),), "there": ("heads", "fusion")}, "give one from heads, fusion"),
    ],
)
def test_a_range_that_cannot_be_is_refused(changes, complaint):
    with pytest.raises(SettingError, match=complaint):
        dataclasses.replace(TWO, **changes)


def test_selections_that_come_to_the_same_in_this_model_are_one():
    few = dataclasses.replace(TWO, parts=(ALL, ("heads", "fusion", "encoder"), FROZEN, ("encoder",))).among(FROZEN)
    assert few.trains.values == ("[heads,fusion]",)
    assert not any("rate" in row.name for row in few.rows("stages"))
    everything = {"stages.first.trains": "[heads,fusion,adapters,encoder]"}
    assert few.parameters("stages", everything) == {"stages.first.trains": "[heads,fusion]"}


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ((), FROZEN),
        (("model.speech=./folder",), FROZEN),
        (("model.speech=./folder", "model.speech.tune=2"), ("heads", "fusion", "encoder")),
        (("model.speech=./folder", "model.speech.tune=2", "model.speech.adapter=lora"), ALL),
        (("model.text=./folder", "model.text.tune=-1", "model.text.integration=ari_gate"), ALL),
        (
            ("model.speech=./folder", "model.speech.tune=1", "model.speech.adapter=lora", "model.speech.rate=0"),
            ("heads", "fusion", "adapters"),
        ),
    ],
)
def test_the_parts_of_a_model(overrides, parts):
    assert compose(overrides).model.parts == parts


def test_a_search_offers_what_the_model_has_unless_it_varies_that_too():
    space, config = SPACES["stages"], compose()
    assert within_reach(space, config).ranges["stages"].trains.values == ("[heads,fusion]", "[heads]")
    assert within_reach(SPACES["weights"], config) == SPACES["weights"]
    varying = Space("made", "?", {**space.ranges, "model.speech.tune": Int(0, 2)})
    assert within_reach(varying, config) == varying
