"""Every shipped space: both ends and random points compose, and a Simplex deals out exactly 1."""

import operator
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.space import Choice, Float, Int, OffOr, OneOf, Simplex, Space, chosen_space
from search_spaces.spaces import SPACES
from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS
from ser_core.systems import SYSTEMS


class Drawn:
    """Answers like an Optuna trial from shares between 0 (the low end) and 1 (the high end)."""

    def __init__(self, share):
        self.share = share

    def suggest_float(self, name, low, high, *, log=False):
        return low + (high - low) * self.share()

    def suggest_int(self, name, low, high, *, log=False):
        return round(low + (high - low) * self.share())

    def suggest_categorical(self, name, choices):
        return choices[min(len(choices) - 1, int(self.share() * len(choices)))]


def points():
    """The low end, the high end, and eight random points, the same in every run."""
    yield lambda: 0.0
    yield lambda: 1.0
    for seed in range(8):
        yield random.Random(seed).random


@pytest.mark.parametrize("name", SPACES)
def test_every_point_composes_and_differs_from_others(name):
    configs = [compose(SPACES[name].reaching(()).overrides(Drawn(share))) for share in points()]
    assert len({fingerprint(config) for config in configs}) > len(configs) / 2


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_space_chooses_wins_over_a_system_beneath_it(system):
    for name in ("fusion", "stages", "tasks"):
        for share in (lambda: 0.0, lambda: 0.4, lambda: 1.0):
            overrides = SPACES[name].overrides(Drawn(share))
            alone, above = compose(overrides), compose([f"system={system}", *overrides])
            for key in (override.partition("=")[0] for override in overrides):
                asked, found = (operator.attrgetter(key)(config) for config in (alone, above))
                assert getattr(asked, "name", asked) == getattr(found, "name", found)


@pytest.mark.parametrize("name", SPACES)
def test_every_space_asks_a_question_under_its_own_name(name):
    assert SPACES[name].name == name
    assert SPACES[name].question.endswith("?")


@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8))
def test_a_simplex_deals_out_exactly_one(draws):
    shares = iter(draws)
    parts = tuple(f"part{number}" for number in range(len(draws)))

    class Given(Drawn):
        def suggest_float(self, name, low, high, *, log=False):
            assert (low, high) == (0.01, 1.0)
            return next(shares)

    overrides = Simplex(parts).overrides("tasks", Given(None))
    assert [each.partition("=")[0] for each in overrides] == [f"tasks.{part}.weight" for part in parts]
    weights = [round(100 * float(each.partition("=")[2])) for each in overrides]
    assert sum(weights) == 100
    assert min(weights) >= 0


def test_a_simplex_is_uniform():
    """The mean share of each part is 1/3 and its variance 1/18, as for a flat Dirichlet distribution."""
    share = random.Random(0).random
    drawn = [Simplex(("a", "b", "c")).overrides("tasks", Drawn(share)) for _ in range(4000)]
    for part in range(3):
        weights = [float(point[part].partition("=")[2]) for point in drawn]
        mean = sum(weights) / len(weights)
        assert mean == pytest.approx(1 / 3, abs=0.015)
        assert sum((weight - mean) ** 2 for weight in weights) / len(weights) == pytest.approx(1 / 18, abs=0.006)


def test_nothing_is_dealt_to_tasks_that_the_corpus_lacks():
    space = SPACES["weights"].among("tasks", ("emotion", "gender"))
    keys = [each.partition("=")[0] for each in space.overrides(Drawn(lambda: 0.3))]
    assert keys == ["tasks.emotion.weight", "tasks.gender.weight"]
    assert SPACES["bridge_tokens"].among("tasks", ()) == SPACES["bridge_tokens"]


def test_tasks_that_the_corpus_lacks_are_not_asked_about():
    space = SPACES["tasks"].among("tasks", ("emotion", "gender"))
    assert list(space.ranges) == ["tasks.gender.weight"]
    kept = SPACES["ispas2023"].among("tasks", ("emotion",)).ranges
    assert "tasks.dimensions.shared" not in kept and "model.fusion.tokens" in kept
    assert kept["tasks"] == Simplex(("emotion",))


def test_knobs_of_an_encoder_that_is_not_chosen_are_not_asked_about():
    space = Space("made", "?", {"model.speech.rate": Float(0, 1), "model.width": Int(4, 8)})
    assert list(space.reaching(()).ranges) == ["model.width"]
    assert space.reaching(["model.speech=./folder"]) == space


def test_off_or_is_off_or_within_its_range():
    varied = OffOr(Float(0.01, 1))
    assert varied.overrides("tasks.gender.weight", Drawn(lambda: 0.0)) == ["tasks.gender.weight=0"]
    assert varied.overrides("tasks.gender.weight", Drawn(lambda: 1.0)) == ["tasks.gender.weight=1"]


def test_ranges_write_overrides():
    space = Space("made", "?", {"a": Float(0, 1), "b": Int(2, 8), "c": Choice(("x", "y"))}, fixed=("d=1",))
    assert space.overrides(Drawn(lambda: 1 / 3)) == ["d=1", "a=0.333", "b=4", "c=x"]


def test_one_of_asks_for_the_knobs_of_what_is_chosen_alone():
    asked = []

    class Noting(Drawn):
        def suggest_categorical(self, name, choices):
            asked.append(name)
            return choices[-1]

    varied = OneOf({"plain": {}, "odd": {"tokens": Int(1, 2)}, "bridge": {"tokens": Choice((1, 4)), "skip": Choice(("true",))}})
    overrides = varied.overrides("model.fusion", Noting(lambda: 0.0))
    assert overrides == ["model.fusion=bridge", "model.fusion.tokens=4", "model.fusion.skip=true"]
    assert asked == ["model.fusion", "model.fusion.bridge.tokens", "model.fusion.bridge.skip"]
    assert varied.overrides("model.fusion", Drawn(lambda: 0.0)) == ["model.fusion=plain"]


def test_the_space_of_fusions_reaches_every_fusion():
    reached = {
        SPACES["fusion"].overrides(Drawn(lambda share=index: (share + 0.5) / len(FUSIONS)))[0] for index in range(len(FUSIONS))
    }
    assert reached == {f"model.fusion={name}" for name in FUSIONS}


def test_an_unknown_space_is_named_with_the_nearest():
    with pytest.raises(SettingError, match=r"did you mean weights\?"):
        chosen_space("weight", SPACES)


def settings(overrides):
    """Overrides as a mapping."""
    return dict(each.split("=", 1) for each in overrides)


class Answering(Drawn):
    """Gives prepared answers, and insists that every one of them is asked for."""

    def __init__(self, answers):
        super().__init__(None)
        self.answers = dict(answers)

    def suggest_float(self, name, low, high, *, log=False):
        assert low <= self.answers[name] <= high
        return self.answers.pop(name)

    suggest_int = suggest_float

    def suggest_categorical(self, name, choices):
        assert self.answers[name] in choices
        return self.answers.pop(name)


@pytest.mark.parametrize("name", SPACES)
def test_every_point_has_the_answers_that_lead_to_it(name):
    """`parameters` is the inverse of `overrides`, and asks what `rows` lists."""
    space = SPACES[name]
    for share in points():
        overrides = space.overrides(Drawn(share))
        answers = space.parameters(settings(overrides))
        asked = Answering(answers)
        assert space.overrides(asked) == overrides
        assert not asked.answers
        assert {each.replace(".u", ".weight") for each in answers} <= {row.name for row in space.rows()}


@given(st.lists(st.floats(0.0, 1e3), min_size=2, max_size=8).filter(lambda weights: sum(weights) > 1e-3))
def test_weights_by_hand_are_scaled_to_one(weights):
    parts = tuple(f"part{number}" for number in range(len(weights)))
    given_ = {f"tasks.{part}.weight": repr(weight) for part, weight in zip(parts, weights, strict=True)}
    dealt = Simplex(parts).overrides("tasks", Answering(Simplex(parts).parameters("tasks", given_)))
    for each, weight in zip(dealt, weights, strict=True):
        assert float(each.partition("=")[2]) == pytest.approx(weight / sum(weights), abs=0.005 * len(weights) + 0.006)


@pytest.mark.parametrize(
    ("varied", "value", "complaint"),
    [
        (Float(0, 1), "2", "is outside the space, which goes from 0 to 1"),
        (Float(0, 1), "high", "is not a number"),
        (Int(1, 4), "2.5", "integers from 1 to 4"),
        (Choice(("x", "y")), "z", "which has x, y"),
        (OneOf({"x": {}}), "z", "which has x"),
    ],
)
def test_a_point_outside_is_refused(varied, value, complaint):
    with pytest.raises(SettingError, match=complaint):
        varied.parameters("a", {"a": value})
    assert varied.parameters("a", {"b": value}) == {}


def test_conditions_stand_beside_what_they_govern():
    rows = {row.name: row for row in SPACES["fusion"].rows()}
    assert rows["model.fusion.bridge.tokens"].condition == "model.fusion=bridge"
    assert rows["model.fusion"].condition == ""
    assert not SPACES["fusion"].numeric and SPACES["weights"].numeric
