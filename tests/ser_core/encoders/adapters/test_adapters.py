"""Each adapter against its formula: LoRA is the plain encoder with other weights, a bottleneck stands before each residual."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import gelu

from ser_core.encoders.adapters import Bottleneck, Lora
from ser_core.errors import SettingError
from tests.ser_core.encoders.inside import FAMILIES, checkpoint, states

PROJECTIONS = {"q_proj", "k_proj", "v_proj", "out_proj", "query", "key", "value", "attention.output.dense"}
PROJECTIONS |= {
    "linear_q",
    "linear_k",
    "linear_v",
    "linear_out",
    "query_proj",
    "key_proj",
    "value_proj",
    "attention.dense",
    "Wqkv",
    "Wo",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_is_the_plain_encoder_with_updated_projections(tmp_path: Path, family: str) -> None:
    made = checkpoint(tmp_path / "it", family)
    plain, lora = made.stem(), made.stem(adapter=Lora(rank=3, scale=2.0))
    generator = torch.Generator().manual_seed(1)
    pairs: dict[str, dict[str, torch.Tensor]] = {}
    for name, parameter in lora.top.layers.named_parameters():
        if side := re.search(r"lora_[AB]", name):
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
            projection = re.split(r"\.(?:parametrizations|lora_[AB])", name)[0]
            pairs.setdefault(projection, {})[side[0]] = parameter.data
    assert {name.rpartition(".")[2] if "dense" not in name else name.split(".", 1)[1] for name in pairs} <= PROJECTIONS
    layers = {id(layer) for layer in lora.top.layers}  # ALBERT has one layer several times
    assert len(pairs) == len(layers) * (2 if family == "modernbert" else 4)
    for name, pair in pairs.items():
        assert pair["lora_A"].shape[0] == pair["lora_B"].shape[1] == 3
        plain.top.layers.get_submodule(name).weight.data += 2.0 * pair["lora_B"] @ pair["lora_A"]  # type: ignore[operator,union-attr]
    for one, other in zip(states(plain, made.below), states(lora, made.below), strict=True):
        assert torch.allclose(one[made.below.mask], other[made.below.mask], atol=1e-4)
    untouched = states(made.stem(), made.below)[-1]
    assert not torch.allclose(states(lora, made.below)[-1][made.below.mask], untouched[made.below.mask], atol=1e-2)


def test_bottlenecks_stand_before_both_residuals(tmp_path: Path) -> None:
    """A layer of Whisper's encoder, written out."""
    made = checkpoint(tmp_path / "it", "whisper")
    stem = made.stem(adapter=Bottleneck(width=5))
    for parameter in stem.top.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    layer: Any = stem.top.layers[0]
    steps = made.below.steps[:1, : int(made.below.mask[0].sum()), 0].float()
    attention, feed_forward = layer.self_attn, layer.fc2

    def through(bottleneck: Any, values: torch.Tensor) -> torch.Tensor:
        inner = gelu(values @ bottleneck.down.weight.T + bottleneck.down.bias)
        return values + inner @ bottleneck.up.weight.T + bottleneck.up.bias

    heard = attention.sublayer(layer.self_attn_layer_norm(steps), attention_mask=None)[0]
    middle = steps + through(attention.bottleneck, heard)
    wide = gelu(layer.fc1(layer.final_layer_norm(middle)))
    expected = middle + through(feed_forward.bottleneck, feed_forward.sublayer(wide))
    torch.testing.assert_close(layer(steps, attention_mask=None), expected)
    assert attention.bottleneck.down.weight.shape == (5, steps.shape[-1])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_has_two_bottlenecks(tmp_path: Path, family: str) -> None:
    stem = checkpoint(tmp_path / "it", family).stem(adapter=Bottleneck())
    for layer in stem.top.layers:
        assert len([name for name, _ in layer.named_modules() if name.endswith(".bottleneck")]) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lora(rank=0), "adapter.rank must be at least 1, got 0"),
        (lambda: Lora(scale=0.0), "adapter.scale must be at least"),
        (lambda: Bottleneck(width=0), "adapter.width must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()
