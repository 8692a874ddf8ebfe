"""What every fusion promises, over the table and every way of reading that a bridge has."""

import dataclasses
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from ser_core.batch import Stream, pad
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS, Fusion, FusionOption
from ser_core.fusion.bridge import Bridge, BridgeFusion
from ser_core.fusion.fusion import means
from ser_core.noise import Noise

WIDTH = 8
BRIDGES = {
    f"bridge {mode} mask={mask} skip={skip}": Bridge(kv_mode=mode, mask_padding=mask, skip=skip, tokens=3)
    for mode in ("split", "same", "concat")
    for mask in (False, True)
    for skip in (False, True)
}
OPTIONS: dict[str, FusionOption] = {**{name: option() for name, option in FUSIONS.items()}, **BRIDGES}
CHANNELS = ("speech", "text")
SILENT = Noise(None)


@pytest.fixture(params=OPTIONS)
def option(request: pytest.FixtureRequest) -> FusionOption:
    return OPTIONS[request.param]


def built(option: FusionOption, channels: tuple[str, ...] = CHANNELS, dropout: float = 0.0) -> Fusion:
    torch.manual_seed(0)
    fusion = option.build(channels, WIDTH, dropout)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return fusion


def streams(speech: tuple[int, ...] = (5, 7, 2), text: tuple[int, ...] = (3, 1, 2)) -> dict[str, Stream]:
    generator = torch.Generator().manual_seed(1)
    lengths = {"speech": speech, "text": text}
    return {name: pad([torch.randn(n, WIDTH, generator=generator) for n in lengths[name]]) for name in CHANNELS}


def longer(stream: Stream, steps: int) -> Stream:
    pads = torch.nn.functional.pad
    return Stream(pads(stream.steps, (0, 0, 0, steps)), pads(stream.mask, (0, steps)))


def one(made: Mapping[str, Stream], row: int) -> dict[str, Stream]:
    """An utterance alone, without the padding that the others gave it."""
    return {name: pad([stream.steps[row][stream.mask[row]]]) for name, stream in made.items()}


def test_an_option_is_built_into_one_vector_per_utterance(option: FusionOption) -> None:
    fusion = built(option)
    fused = fusion(streams(), SILENT)
    assert fused.shape == (3, fusion.out_width)
    assert fused.isfinite().all()


@pytest.mark.parametrize("extra", [(4, 0), (0, 9), (3, 5)])
def test_padding_never_changes_the_result(option: FusionOption, extra: tuple[int, int]) -> None:
    fusion, made = built(option), streams()
    padded = {name: longer(made[name], steps) for name, steps in zip(CHANNELS, extra, strict=True)}
    assert torch.allclose(fusion(padded, SILENT), fusion(made, SILENT), atol=1e-6)


def test_utterances_do_not_mix(option: FusionOption) -> None:
    fusion, made = built(option), streams()
    together = fusion(made, SILENT)
    for row in range(3):
        assert torch.allclose(fusion(one(made, row), SILENT)[0], together[row], atol=1e-6)


def test_every_real_step_of_every_channel_and_every_parameter_gets_gradient(option: FusionOption) -> None:
    fusion, made = built(option), streams(speech=(4, 4), text=(4, 4))
    leaves = {name: stream.steps.requires_grad_() for name, stream in made.items()}
    (fusion(made, SILENT) * torch.randn(fusion.out_width)).sum().backward()
    for leaf in leaves.values():
        assert leaf.grad is not None and (leaf.grad.abs().sum(-1) > 0).all()
    idle = [name for name, parameter in fusion.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not idle


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_may_be_alone(option: FusionOption, channel: str) -> None:
    fusion = built(option, (channel,))
    fused = fusion({channel: streams()[channel]}, SILENT)
    assert fused.shape == (3, fusion.out_width) and fused.isfinite().all()


def test_dropout_follows_the_key(option: FusionOption) -> None:
    fusion, made = built(option, dropout=0.5), streams()
    first, again = (fusion(made, Noise(torch.tensor(3))) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(fusion(made, SILENT), fusion(made, SILENT))


@pytest.mark.parametrize("name", [name for name, option in FUSIONS.items() if hasattr(option(), "heads")])
def test_heads_that_do_not_divide_the_width_are_refused(name: str) -> None:
    option = dataclasses.replace(FUSIONS[name](), heads=3)  # type: ignore[call-arg]
    with pytest.raises(SettingError, match=r"model\.width=8 is not a multiple of the 3 heads"):
        option.build(CHANNELS, WIDTH, 0.0)


def attention(module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Vaswani et al. 2017, section 3.2.2, head by head: softmax(Q K^T / sqrt(d_k)) V, concatenated, times W_O."""
    q, k, v = (getattr(module, name)(each) for name, each in (("query", query), ("key", key), ("value", value)))
    size = WIDTH // module.heads
    heads = []
    for first in range(0, WIDTH, size):
        part = slice(first, first + size)
        scores = q[:, part] @ k[:, part].T / size**0.5
        heads.append(scores.exp() / scores.exp().sum(-1, keepdim=True) @ v[:, part])
    return module.out(torch.cat(heads, -1))


def test_the_bridge_is_the_papers() -> None:
    """Ispas et al. 2023: shorter channel lengthened, e_a = MHA(Q_a, a', t'), e_t = MHA(Q_t, t', a'), mean of both means."""
    bridge = built(Bridge(tokens=5, heads=2, refine=1, skip=False))
    assert isinstance(bridge, BridgeFusion)
    made = streams(speech=(6,), text=(2,))
    refined = {}
    for name, stream in made.items():
        steps, layer = stream.steps[0], bridge.refine[name][0]  # type: ignore[index]
        normed = layer.norm(steps)
        refined[name] = steps + attention(layer.attention, normed, normed, normed)
    refined["text"] = torch.cat([refined["text"], torch.zeros(4, WIDTH)])
    e_speech = attention(bridge.attentions["speech"], bridge.tokens["speech"], refined["speech"], refined["text"])
    e_text = attention(bridge.attentions["text"], bridge.tokens["text"], refined["text"], refined["speech"])
    expected = (e_speech.mean(0) + e_text.mean(0)) / 2
    assert torch.allclose(bridge(made, SILENT)[0], expected, atol=1e-5)


def test_masking_the_padding_reads_the_shorter_channels_length_alone() -> None:
    bridge, made = built(Bridge(mask_padding=True, refine=0, skip=False)), streams(speech=(6,), text=(2,))
    cut = {"speech": Stream(made["speech"].steps[:, :2], made["speech"].mask[:, :2]), "text": made["text"]}
    assert torch.allclose(bridge(made, SILENT), bridge(cut, SILENT), atol=1e-6)
    unmasked = built(Bridge(mask_padding=False, refine=0, skip=False))
    assert not torch.allclose(unmasked(made, SILENT), unmasked(cut, SILENT), atol=1e-4)


def test_the_skip_adds_the_means_of_the_channels() -> None:
    made = streams()
    skipping = built(Bridge(skip=True))(made, SILENT)
    assert torch.equal(skipping[:, WIDTH:], means(made))


@pytest.mark.parametrize("knobs", [{"tokens": 0}, {"heads": 0}, {"refine": -1}, {"kv_mode": "both"}])
def test_impossible_knobs_are_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=f"model.fusion.{next(iter(knobs))} must be"):
        Bridge(**knobs)
