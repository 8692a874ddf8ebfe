"""Each integration against its formula, written out here once more."""

import pytest
import torch
from torch.nn.functional import layer_norm

from ser_core.encoders.integration import INTEGRATIONS, Integration
from ser_core.encoders.integration.ari_re2 import AriRe2

LAYERS, DIM = 3, 4


def drawn(module: Integration) -> Integration:
    """The module with every number drawn anew."""
    generator = torch.Generator().manual_seed(3)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return module


def states(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [torch.randn(2, 5, DIM, generator=generator) for _ in range(count)]


@pytest.mark.parametrize("layer", range(1, LAYERS + 1))
@pytest.mark.parametrize("rank", [0, 2])
def test_ari_re2_is_the_map_of_running_residual_and_first_state(layer: int, rank: int) -> None:
    module = drawn(AriRe2(rank=rank).build(LAYERS, DIM))
    found = states(LAYERS + 1)[: layer + 1]
    values = {name.removeprefix(f"levels.{layer - 1}."): value for name, value in module.named_parameters()}
    assert ("gate" in values) == (layer > 1)
    change = values["map.down"] @ values["map.up"] if rank else values["map.weight"].T
    matrix = torch.cat([torch.eye(DIM), torch.zeros(DIM, DIM)]) + change
    gate = values["gate"] if layer > 1 else 0
    residual = (found[layer] + gate * found[layer - 1]) / (1 + gate**2) ** 0.5
    expected = torch.cat([residual, found[0]], -1) @ matrix + values["map.bias"]
    torch.testing.assert_close(module.between(found), expected)


def test_ari_re2_with_a_gate_of_1_has_the_residual_of_re2() -> None:
    module, found = AriRe2().build(LAYERS, DIM), states(3)
    module.levels[1].gate.data.fill_(1)  # type: ignore[union-attr]
    torch.testing.assert_close(module.between(found), (found[2] + found[1]) * 0.5**0.5)


def test_ari_re2_costs_what_its_docstring_says() -> None:
    module = INTEGRATIONS["ari_re2"]().build(12, 768)
    assert round(sum(each.numel() for each in module.parameters()) / 1e6, 1) == 14.2


@pytest.mark.parametrize("layer", range(1, LAYERS + 1))
def test_ari_gate_is_the_state_and_gated_lower_ones(layer: int) -> None:
    module = drawn(INTEGRATIONS["ari_gate"]().build(LAYERS, DIM))
    found = states(LAYERS + 1)[: layer + 1]
    gates = module.levels[layer - 1].gates.tanh()  # type: ignore[operator,union-attr]
    expected = found[layer].clone()
    for lower in range(layer):
        mean, variance = found[lower].mean(-1, keepdim=True), found[lower].var(-1, correction=0, keepdim=True)
        expected += gates[lower] * (found[lower] - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(module.between(found), expected)


def test_ari_head_is_the_last_state_and_a_projection_of_all_below_it() -> None:
    module = drawn(INTEGRATIONS["ari_head"]().build(LAYERS, DIM))
    *below, last = states(LAYERS + 1)
    weight, bias = module.levels[0].weight, module.levels[0].bias
    assert weight.shape == (DIM, LAYERS * DIM)
    parts = weight.split(DIM, dim=1)  # type: ignore[operator]
    expected = last + bias + sum(layer_norm(each, (DIM,)) @ part.T for each, part in zip(below, parts, strict=True))
    torch.testing.assert_close(module.output(last, below), expected)
    assert module.between([*below, last]) is last


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_one_trained_layer_is_enough(name: str) -> None:
    module, found = INTEGRATIONS[name]().build(1, DIM), states(2)
    assert torch.equal(module.output(module.between(found), found[:1]), found[1])
