"""What a search aims at: directions, means, constraints, and words that are no metric."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.search.objectives import MEASURES, Constraint, Goal, Objective, front
from ser_core.cross_validation.records import FoldKey, FoldRecord
from ser_core.errors import SettingError

FOLD = FoldRecord(
    FoldKey("a", "b", 1),
    0,
    "speaker 1",
    {},
    {},
    {"train": 40, "parameters": 900},
    {"uar": 0.5, "ece": 0.2, "ccc.valence": 0.2, "ccc.arousal": 0.6, "uar.gap": 0.1, "gender.uar": 0.9},
    [],
    1,
    20.0,
    {},
    {},
    {"memory_gb": 1.5},
)


@pytest.mark.parametrize(
    ("name", "sign", "value"),
    [
        ("headline", 1, 0.45),
        ("uar", 1, 0.5),
        ("ece", -1, 0.2),
        ("ccc.valence", 1, 0.2),
        ("mean(ccc)", 1, 0.4),
        ("uar.gap", -1, 0.1),
        ("gender.uar", 1, 0.9),
        ("mae.valence", -1, math.nan),
        ("mean(pcc)", 1, math.nan),
    ],
)
def test_metrics_have_a_direction_and_a_value(name, sign, value):
    objective = Objective(name)
    assert objective.sign == sign
    assert objective.of(FOLD.dev) == pytest.approx(value, nan_ok=True)
    assert Goal((objective,)).values(FOLD) == (pytest.approx(sign * value, nan_ok=True),)


@pytest.mark.parametrize("name", ["urar", "loss", "mean(uarr)", "mean(ccc", "sum(ccc)", ""])
def test_what_is_no_metric_is_refused(name):
    with pytest.raises(SettingError, match="no such metric"):
        Goal.read([name], [])


def test_an_objective_is_named_once():
    with pytest.raises(SettingError, match="same metric twice"):
        Goal.read(["uar", "uar"], [])


@pytest.mark.parametrize(
    ("text", "excess"),
    [
        ("parameters<1e3", -100),
        ("parameters<800", 100),
        ("seconds<=30", -10),
        ("seconds_per_utterance<0.4", 0.1),
        ("memory_gb<1", 0.5),
    ],
)
def test_constraints_say_how_far_a_trial_is_above(text, excess):
    cheaper = dataclasses.replace(FOLD, sizes={"train": 40, "parameters": 850}, seconds=20.0, spent={"memory_gb": 0.5})
    assert Constraint.read(text).excess([FOLD, cheaper]) == pytest.approx(excess)


@pytest.mark.parametrize("text", ["parameters", "parameters>3", "params<3", "parameters<many", "parameters<-", "<3"])
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(SettingError, match="--constraint"):
        Constraint.read(text)


def test_what_was_not_recorded_is_not_guessed():
    with pytest.raises(SettingError, match="the records in this store are older than this measure"):
        Constraint.read("gpu_memory_gb<3").excess([FOLD])
    assert "gpu_memory_gb" in MEASURES


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_the_front_is_what_nothing_beats(points):
    def beats(one, other):
        return one[0] >= other[0] and one[1] >= other[1] and one != other

    expected = [index for index, point in enumerate(points) if not any(beats(other, point) for other in points)]
    assert front(points) == expected
