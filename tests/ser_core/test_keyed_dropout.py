"""Dropout is a pure function of its key: repeatable, independent between sites, and the same when models are stacked."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ser_core.keyed_dropout import Dropout, DropoutKey, ElementDropout, number_sites, uniform

KEYS = st.integers(0, 2**62 - 1)


def key(number: int) -> torch.Tensor:
    return torch.tensor(number)


def split_mix(state: int) -> int:
    """SplitMix64's finaliser in Python's own integers."""
    low = (1 << 64) - 1
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & low
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & low
    return state ^ (state >> 31)


@given(KEYS, st.integers(0, 40))
def test_it_is_split_mix(number: int, site: int) -> None:
    start = number ^ (site << 48)
    states = [split_mix((index * 0x9E3779B97F4A7C15 + start) & ((1 << 64) - 1)) for index in range(1, 4)]
    expected = [(half >> 8) * 2.0**-24 for state in states for half in (state & 0xFFFFFFFF, state >> 32)]
    assert uniform(key(number), site, (5,)).tolist() == expected[:5]


@given(KEYS, st.integers(1, 6), st.integers(1, 6))
def test_padding_behind_changes_nothing_before_it(number: int, rows: int, more: int) -> None:
    assert torch.equal(uniform(key(number), 3, (rows + more, 1, 5))[:rows], uniform(key(number), 3, (rows, 1, 5)))


@given(KEYS, KEYS)
def test_it_is_pure_in_its_key(one: int, other: int) -> None:
    assert torch.equal(uniform(key(one), 1, (4, 8)), uniform(key(one), 1, (4, 8)))
    assert one == other or not torch.equal(uniform(key(one), 1, (4, 8)), uniform(key(other), 1, (4, 8)))


def test_it_is_uniform_and_uncorrelated_between_sites_and_keys() -> None:
    drawn = [uniform(key(number), site, (20_000,)) for number in (0, 1, 2**61) for site in (1, 2, 3)]
    for numbers in drawn:
        assert numbers.min() >= 0 and numbers.max() < 1
        counts = torch.histc(numbers, 20, 0, 1)
        assert ((counts - 1000) ** 2 / 1000).sum() < 50
    correlations = np.corrcoef(torch.stack(drawn).numpy())
    assert np.abs(correlations - np.eye(len(drawn))).max() < 0.03


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_is_dropped_and_the_mean_kept(rate: float) -> None:
    dropped = Dropout(rate)(torch.ones(500, 100), DropoutKey(key(5)))
    assert (dropped == 0).double().mean() == pytest.approx(rate, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.05)
    assert set(dropped.unique().tolist()) == {0.0, dropped.max().item()}


def test_a_dimension_is_dropped_at_all_steps_of_an_utterance() -> None:
    dropped = Dropout(0.5)(torch.ones(6, 9, 32), DropoutKey(key(5)))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0, 0], dropped[1, 0])


def test_evaluation_and_rate_0_leave_values_alone() -> None:
    values = torch.rand(3, 4)
    assert Dropout(0.5)(values, DropoutKey(None)) is values
    assert Dropout(0.0)(values, DropoutKey(key(1))) is values


def test_sites_are_numbered_apart() -> None:
    model = nn.Sequential(Dropout(0.5), nn.Sequential(Dropout(0.5), nn.Linear(2, 2)), Dropout(0.1))
    number_sites(model)
    assert [module.site for module in model.modules() if isinstance(module, Dropout)] == [1, 2, 3]


def test_stacked_models_draw_what_each_draws_alone() -> None:
    dropout, keys = Dropout(0.3), torch.tensor([3, 2**60, 77])
    values = torch.rand(3, 5, 8)
    together = torch.func.vmap(lambda number, each: dropout(each, DropoutKey(number)))(keys, values)
    alone = torch.stack([dropout(each, DropoutKey(number)) for number, each in zip(keys, values, strict=True)])
    assert torch.equal(together, alone)


def test_single_numbers_are_dropped_each_for_itself() -> None:
    values = torch.ones(40, 30, 20)
    whole, single = (kind(0.25)(values, DropoutKey(key(5))) for kind in (Dropout, ElementDropout))
    assert (whole == whole[:, :1]).all() and not (single == single[:, :1]).all()
    assert (single == 0).double().mean() == pytest.approx(0.25, abs=0.01)
    assert single.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(ElementDropout(0.25)(values, DropoutKey(None)), values)
