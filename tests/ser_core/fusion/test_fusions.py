"""What every fusion promises, over the table and every way of reading that a bridge has."""

import dataclasses
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from ser_core.batch import Stream, pad
from ser_core.config.compose import compose
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS, Fusion, FusionOption
from ser_core.fusion.bridge import Bridge, BridgeFusion
from ser_core.fusion.coattn_weight import CoattnWeight
from ser_core.fusion.coattn_xattn import CoattnXattn
from ser_core.fusion.concat import Concat
from ser_core.fusion.cross_attention import CrossAttention
from ser_core.fusion.fusion import means
from ser_core.fusion.mbt import Mbt
from ser_core.fusion.mmer import Mmer
from ser_core.fusion.perceiver import Perceiver
from ser_core.fusion.self_attention import SelfAttention
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import Situation

WIDTH = 8
BRIDGES = {
    f"bridge {mode} mask={mask} skip={skip}": Bridge(kv_mode=mode, mask_padding=mask, skip=skip, tokens=3)
    for mode in ("split", "same", "concat")
    for mask in (False, True)
    for skip in (False, True)
}
AROUND = {
    f"bridge residual={residual} norm={norm} feedforward={multiple}": Bridge(
        residual=residual, norm=norm, feedforward=multiple, tokens=3, skip=False
    )
    for residual in (False, True)
    for norm in (False, True)
    for multiple in (0, 2)
}
OTHERS = {
    "cross_attention, the paper's": CrossAttention(refine=1, residual=False, norm=False, pool="mean"),
    "mbt, refined": Mbt(refine=1, layers=3),
    "perceiver, twice": Perceiver(reads=2, layers=0),
    "coattn_xattn, both ways": CoattnXattn(reverse=True, helpers=2),
    "bridge, padded first": Bridge(pad_first=True, refine=2, tokens=3, heads=2),
    "mmer, single numbers dropped": Mmer(elementwise=True, heads=2),
}
OPTIONS: dict[str, FusionOption] = {**{name: option() for name, option in FUSIONS.items()}, **BRIDGES, **AROUND, **OTHERS}
CHANNELS = ("speech", "text")
SILENT = DropoutKey(None)


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
    first, again = (fusion(made, DropoutKey(torch.tensor(3))) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(fusion(made, SILENT), fusion(made, SILENT))


def test_another_channel_changes_the_result(option: FusionOption) -> None:
    fusion, made = built(option), streams()
    fused = fusion(made, SILENT)
    for name, stream in made.items():
        changed = {**made, name: stream.like(stream.steps + torch.randn_like(stream.steps))}
        assert not torch.allclose(fusion(changed, SILENT), fused, atol=1e-4)


def test_streams_of_another_width_are_refused(option: FusionOption) -> None:
    fusion = built(option)
    wide = {name: pad([torch.randn(4, WIDTH + 4), torch.randn(2, WIDTH + 4)]) for name in CHANNELS}
    if not list(fusion.parameters()):
        assert fusion(wide, SILENT).shape[1] != fusion.out_width  # it has no weights to refuse with; the heads do
        return
    with pytest.raises(Exception, match=r"size|shape|annotation|dimension"):
        fusion(wide, SILENT)


def test_stacked_fusions_are_the_fusions_alone(option: FusionOption) -> None:
    torch.manual_seed(0)
    models, made = [option.build(CHANNELS, WIDTH, 0.5) for _ in range(2)], streams()
    keys = torch.tensor([3, 4])
    state, _ = torch.func.stack_module_state(models)  # type: ignore[arg-type]

    def run(each: dict[str, Tensor], key: Tensor) -> Tensor:
        return torch.func.functional_call(models[0], each, (made, DropoutKey(key)))

    if not state:
        state = {"none": torch.zeros(2)}
    together = torch.func.vmap(run)(state, keys)
    for index, model in enumerate(models):
        assert torch.allclose(together[index], model(made, DropoutKey(keys[index])), atol=1e-5)


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


def test_padded_first_the_padding_is_refined_with_the_words() -> None:
    """Ispas et al. 2023: a, t of one length N before the self-attention, so every padded step is a query and a key of it."""
    bridge = built(Bridge(tokens=5, heads=2, refine=1, skip=False, pad_first=True))
    assert isinstance(bridge, BridgeFusion)
    made, refined = streams(speech=(6, 2), text=(2, 3)), {}
    speech, text = (made[name].steps[0][made[name].mask[0]] for name in CHANNELS)
    for name, steps in (("speech", speech), ("text", torch.cat([text, torch.zeros(4, WIDTH)]))):
        layer = bridge.refine[name][0]  # type: ignore[index]
        normed = layer.norm(steps)
        refined[name] = steps + attention(layer.attention, normed, normed, normed)
    e_speech = attention(bridge.attentions["speech"], bridge.tokens["speech"], refined["speech"], refined["text"])
    e_text = attention(bridge.attentions["text"], bridge.tokens["text"], refined["text"], refined["speech"])
    expected = (e_speech.mean(0) + e_text.mean(0)) / 2
    assert torch.allclose(bridge(made, SILENT)[0], expected, atol=1e-5)
    after = built(Bridge(tokens=5, heads=2, refine=1, skip=False))
    assert not torch.allclose(after(made, SILENT)[0], expected, atol=1e-4)


@pytest.mark.parametrize("knobs", [{"kv_mode": "same"}, {"mask_padding": True}])
def test_padding_first_changes_nothing_where_no_padding_is_read_and_says_so(knobs: dict[str, object]) -> None:
    one, other = (Bridge(pad_first=each, tokens=3, refine=1, **knobs) for each in (True, False))  # type: ignore[arg-type]
    assert torch.equal(built(one)(streams(), SILENT), built(other)(streams(), SILENT))
    config = compose([f"model.fusion.{key}={str(value).lower()}" for key, value in knobs.items()] + ["model.fusion=bridge"])
    asked = Situation(config, None, None, {})
    assert list(one.without_effect(asked)) == ["pad_first"] and not other.without_effect(asked)
    assert not Bridge(pad_first=True).without_effect(asked)


def test_concatenation_may_keep_the_plain_means() -> None:
    made = streams()
    plain = built(Concat(normalise=False))(made, SILENT)
    rows = [torch.cat([one(made, row)[name].steps[0].mean(0) for name in CHANNELS]) for row in range(3)]
    assert torch.allclose(plain, torch.stack(rows), atol=1e-6)
    normalised = [torch.nn.functional.layer_norm(part, (WIDTH,)) for part in plain.chunk(2, -1)]
    assert torch.allclose(built(Concat())(made, SILENT), torch.cat(normalised, -1), atol=1e-5)


def test_without_tokens_it_is_the_papers_cross_attention() -> None:
    """Ispas et al. 2023, the rows without tokens: e_a = MHA(Q=a', K=V=t'), e_t = MHA(Q=t', K=V=a'), mean of both means."""
    fusion = built(CrossAttention(heads=2, refine=1, residual=False, norm=False, pool="mean"))
    made, refined = streams(speech=(6,), text=(2,)), {}
    for name, stream in made.items():
        steps, layer = stream.steps[0], fusion.refine[name][0]  # type: ignore[index]
        normed = layer.norm(steps)
        refined[name] = steps + attention(layer.attention, normed, normed, normed)
    speech, text = refined["speech"], refined["text"]
    e_speech = attention(fusion.attentions["speech"], speech, text, text)  # type: ignore[index]
    e_text = attention(fusion.attentions["text"], text, speech, speech)  # type: ignore[index]
    assert torch.allclose(fusion(made, SILENT)[0], (e_speech.mean(0) + e_text.mean(0)) / 2, atol=1e-5)


def test_around_the_bridge_nothing_is_built_by_default() -> None:
    names = [name for name, _ in built(Bridge()).named_parameters()]
    assert {name.partition(".")[0] for name in names} == {"refine", "tokens", "attentions"}
    around = [name for name, _ in built(Bridge(norm=True, feedforward=2)).named_parameters()]
    assert {name.partition(".")[0] for name in around} - {"refine", "tokens", "attentions"} == {
        *("norms", "token_norms", "inner_norms", "feedforwards")
    }


def test_bottleneck_tokens_are_all_that_one_channel_hears_of_the_other() -> None:
    """Without a second exchanging layer nothing crosses over; with it, text reaches the mean of the speech."""
    fusion, made = built(Mbt(layers=2)), streams()
    changed_text = {**made, "text": made["text"].like(made["text"].steps.roll(1, -1))}
    heard = fusion(made, SILENT)[:, :WIDTH], fusion(changed_text, SILENT)[:, :WIDTH]
    assert not torch.allclose(*heard, atol=1e-5)
    fusion.exchange = torch.nn.ModuleDict({name: layers[:1] for name, layers in fusion.exchange.items()})  # type: ignore
    deaf = fusion(made, SILENT)[:, :WIDTH], fusion(changed_text, SILENT)[:, :WIDTH]
    assert torch.equal(*deaf)


def test_re_weighting_gives_the_mean_where_the_query_is_silent() -> None:
    fusion, made = built(CoattnWeight(helpers=1)), streams()
    torch.nn.init.zeros_(fusion.query.weight)  # type: ignore[arg-type, union-attr]
    torch.nn.init.zeros_(fusion.query.bias)  # type: ignore[arg-type, union-attr]
    emotion = fusion.features(made)[0]  # type: ignore[operator]
    assert torch.allclose(fusion(made, SILENT)[:, :WIDTH], means({"emotion": emotion}), atol=1e-6)


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


@pytest.mark.parametrize(
    ("option", "knobs"),
    [
        *((CrossAttention, knobs) for knobs in ({"refine": -1}, {"pool": "max"})),
        *((Mbt, knobs) for knobs in ({"layers": 1}, {"tokens": 0})),
        *((Perceiver, {"reads": 0}), (SelfAttention, {"refine": 0}), (CoattnXattn, {"helpers": 0})),
        *((CoattnWeight, {"adapter": 0}), (Bridge, {"feedforward": -1})),
    ],
)
def test_impossible_knobs_of_the_others_are_refused(option: type[FusionOption], knobs: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=f"model.fusion.{next(iter(knobs))} must be"):
        option(**knobs)  # type: ignore[arg-type]


@pytest.mark.parametrize("knobs", [{"tokens": 0}, {"heads": 0}, {"refine": -1}, {"kv_mode": "both"}])
def test_impossible_knobs_are_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=f"model.fusion.{next(iter(knobs))} must be"):
        Bridge(**knobs)
