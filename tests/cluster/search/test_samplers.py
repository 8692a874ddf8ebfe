"""Every sampler of the table: settled by its seed, within the space, refused where it cannot serve; and the two made here."""

import itertools

import numpy as np
import pytest
from scipy.stats.qmc import discrepancy

from cluster.search.budget import Budget
from cluster.search.samplers import SAMPLERS, chosen_sampler
from cluster.search.samplers.grid import LEVELS, list_points
from search_spaces.fusion import range_of
from search_spaces.space import Choice, Float, Int, OneOf, Space
from search_spaces.spaces import SPACES
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS
from tests.cluster.recorded import LINE, Search

CONTINUOUS = [name for name, sampler in SAMPLERS.items() if sampler.numbers_alone]
OTHERS = [name for name in SAMPLERS if name not in CONTINUOUS]
KNOBS = {"a": {}, "b": {"n": Int(1, 3), "c": Choice(("x", "y"))}}
NESTING = Space("nesting", "?", {"g": OneOf(KNOBS), "z": Float(1, 100, log=True)})


def asked(folder, sampler, space, trials=12):
    """The points of a search without folds to speak of."""
    return Search(folder, folds=1, sampler=sampler, space=space, budget=Budget(trials)).driven().asked


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_follow_from_the_seed_and_lie_in_the_space(name, tmp_path):
    one, other = (asked(tmp_path / str(run), name, LINE) for run in range(2))
    assert one == other and len(one) == 12
    assert all(set(point) == {"x", "y"} and 0 <= min(point.values()) <= max(point.values()) <= 1 for point in one)
    assert len({tuple(point.values()) for point in one}) == 12


@pytest.mark.parametrize("name", OTHERS)
def test_conditions_are_kept(name, tmp_path):
    points = asked(tmp_path, name, NESTING, 20)
    assert {point["g"] for point in points} == {"a", "b"}
    for point in points:
        assert set(point) == ({"g", "z"} if point["g"] == "a" else {"g", "g.b.n", "g.b.c", "z"})
        assert 1 <= point["z"] <= 100 and point.get("g.b.n", 1) in (1, 2, 3)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("space", ["fusion", "bridge_tokens"])
def test_what_knows_numbers_alone_refuses_choices(name, space):
    with pytest.raises(SettingError, match=f"--sampler {name} supports only numbers"):
        SAMPLERS[name].check(SPACES[space], 1)
    SAMPLERS[name].check(SPACES["weights"], 1)


@pytest.mark.parametrize("name", SAMPLERS)
def test_several_objectives_are_served_or_refused(name):
    if SAMPLERS[name].several_objectives:
        SAMPLERS[name].check(LINE, 3)
    else:
        with pytest.raises(SettingError, match="supports one objective, got 3"):
            SAMPLERS[name].check(LINE, 3)


def test_an_unknown_sampler_is_named_with_the_nearest():
    with pytest.raises(SettingError, match=r"did you mean random\?"):
        chosen_sampler("randm")


def test_the_grid_holds_every_combination_once(tmp_path):
    points = list_points(SPACES["bridge_tokens"])
    product = itertools.product((1, 4, 8, 16, 30, 64), ("split", "same", "concat"))
    assert sorted(tuple(point.values()) for point in points) == sorted(product)
    source = Search(tmp_path, folds=1, sampler="grid", space=SPACES["bridge_tokens"], budget=Budget(50)).driven()
    assert len(source.trials) == 18 and source.repeats == 0
    assert source.ending == "every point has been tried"


def test_the_grid_walks_conditions():
    """The number of fusions with every combination of their own knobs, counted without walking."""

    def size(varied):
        return len(varied.values) if isinstance(varied, Choice) else min(LEVELS, varied.high - varied.low + 1)

    expected = sum(int(np.prod([size(range_of(values)) for values in option.searched.values()])) for option in FUSIONS.values())
    points = list_points(SPACES["fusion"])
    assert len(points) == expected == len({tuple(sorted(point.items())) for point in points})


def test_a_grid_that_nobody_trains_is_refused():
    with pytest.raises(SettingError, match="more than 20000 points"):
        SAMPLERS["grid"].check(Space("wide", "?", {f"x{axis}": Float(0, 1) for axis in range(8)}), 1)


def test_sobol_points_are_spread_more_evenly_than_chance(tmp_path):
    def unevenness(name):
        return discrepancy(np.array([list(point.values()) for point in asked(tmp_path / name, name, LINE, 64)]))

    assert unevenness("qmc") < 0.3 * unevenness("random")
