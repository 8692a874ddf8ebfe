"""What every fusion promises for one to four channels: padding is unread, every channel is heard, and any can be hidden."""

import pytest
import torch

from ser_core.batch import Stream, pad
from ser_core.channels import CHANNELS
from ser_core.fusion import FUSIONS, Fusion, FusionOption
from ser_core.fusion.gmu import Gmu
from ser_core.fusion.late import Late
from ser_core.fusion.mult import Mult
from ser_core.fusion.temporal_gate import TemporalGate, on_one_clock
from ser_core.keyed_dropout import DropoutKey
from ser_core.masking.masking import Silence

WIDTH, SILENT = 8, DropoutKey(None)
OPTIONS: dict[str, FusionOption] = {
    **{name: option() for name, option in FUSIONS.items()},
    "gmu, tied": Gmu(tied=True),
    "temporal_gate, tied": TemporalGate(tied=True),
    "mult, shallow": Mult(layers=1, after=0),
    "late, learned": Late(learned=True),
}
SETS = (("text",), ("speech", "features"), ("speech", "text", "features"), tuple(CHANNELS)[:4])
LENGTHS = {"speech": (5, 7, 2), "speech2": (3, 3, 6), "text": (3, 1, 2), "features": (2, 1, 3)}


@pytest.fixture(params=OPTIONS)
def option(request: pytest.FixtureRequest) -> FusionOption:
    return OPTIONS[request.param]


@pytest.fixture(params=SETS, ids=lambda names: f"{len(names)} channels")
def channels(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


def built(option: FusionOption, channels: tuple[str, ...]) -> Fusion:
    torch.manual_seed(0)
    fusion = option.build(channels, WIDTH, 0.0)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return fusion


def streams(channels: tuple[str, ...]) -> dict[str, Stream]:
    generator = torch.Generator().manual_seed(1)
    return {name: pad([torch.randn(n, WIDTH, generator=generator) for n in LENGTHS[name]]) for name in channels}


def longer(stream: Stream, steps: int) -> Stream:
    pads = torch.nn.functional.pad
    return Stream(pads(stream.steps, (0, 0, 0, steps)), pads(stream.mask, (0, steps)))


def test_padding_changes_nothing(option: FusionOption, channels: tuple[str, ...]) -> None:
    fusion, made = built(option, channels), streams(channels)
    fused = fusion(made, SILENT)
    assert fused.shape == (3, fusion.out_width) and fused.isfinite().all()
    padded = {name: longer(stream, 1 + place) for place, (name, stream) in enumerate(made.items())}
    assert torch.allclose(fusion(padded, SILENT), fused, atol=1e-5)
    alone = {name: pad([stream.steps[0][stream.mask[0]]]) for name, stream in made.items()}
    assert torch.allclose(fusion(alone, SILENT)[0], fused[0], atol=1e-5)


def test_gradients_reach_every_channel_and_every_parameter(option: FusionOption, channels: tuple[str, ...]) -> None:
    fusion, made = built(option, channels), streams(channels)
    leaves = {name: stream.steps.requires_grad_() for name, stream in made.items()}
    (fusion(made, SILENT) * torch.randn(fusion.out_width, generator=torch.Generator().manual_seed(2))).sum().backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None and leaf.grad.abs().sum(-1)[:, 0].all(), name
    assert not [name for name, each in fusion.named_parameters() if each.grad is None or not each.grad.any()]


@pytest.mark.parametrize("place", range(4))
def test_a_hidden_channel_is_unread_and_the_others_are_not(option: FusionOption, channels: tuple[str, ...], place: int) -> None:
    if place >= len(channels) or len(channels) == 1:
        pytest.skip("one channel is never hidden")
    fusion, silence, made = built(option, channels), Silence(channels), streams(channels)
    silence.visible[place] = 0
    fused = fusion(silence(made, SILENT), SILENT)
    for name, stream in made.items():
        changed = {**made, name: stream.like(stream.steps.flip(0).roll(1, -1) + 0.5)}
        other = fusion(silence(changed, SILENT), SILENT)
        assert torch.allclose(fused, other, atol=1e-5) == (name == channels[place])


def test_every_fusion_says_how_it_joins_channels() -> None:
    pairwise = ("cross_attention", "bridge", "mmer", "mult", "coattn_xattn", "coattn_weight")
    for name, option in FUSIONS.items():
        assert option.joins.endswith(".") and ("Pairwise" in option.joins) == (name in pairwise)


def test_the_clock_shows_every_step_and_stretches_evenly() -> None:
    made = {
        "speech": Stream(torch.arange(6.0).reshape(1, 6, 1), torch.ones(1, 6).bool()),
        "text": Stream(torch.tensor([[[1.0], [2.0], [0.0]]]), torch.tensor([[True, True, False]])),
    }
    clocked = on_one_clock(made)
    assert clocked["speech"].steps.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert clocked["text"].steps.flatten().tolist() == [1, 1, 1, 2, 2, 2]
    assert clocked["text"].mask.all()


def test_a_tied_unit_over_two_channels_is_the_papers() -> None:
    """Arevalo et al. 2017: z = sigmoid(W [m_1 ; m_2]), h = z * tanh(W_1 m_1) + (1 - z) * tanh(W_2 m_2)."""
    fusion, made = built(Gmu(tied=True), ("speech", "text")), streams(("speech", "text"))
    one, two = (torch.nn.functional.layer_norm(stream.mean(), (WIDTH,)) for stream in made.values())
    unit, both = fusion.unit, torch.cat([one, two], -1)  # type: ignore[union-attr]
    gate = (unit.gates["speech"](both) - unit.gates["text"](both)).sigmoid()
    expected = gate * unit.values["speech"](one).tanh() + (1 - gate) * unit.values["text"](two).tanh()
    assert torch.allclose(fusion(made, SILENT), expected, atol=1e-6)


def test_low_rank_fusion_is_the_tensor_it_factors() -> None:
    """Liu et al. 2018, equation 4: z = W . ([m_1 ; 1] outer [m_2 ; 1]) with W = sum_r w_r W_1^r outer W_2^r."""
    fusion, made = built(FUSIONS["lmf"](), ("speech", "text")), streams(("speech", "text"))
    rank, one = fusion.rank, torch.ones(3, 1)
    vectors = [torch.cat([torch.nn.functional.layer_norm(stream.mean(), (WIDTH,)), one], -1) for stream in made.values()]
    factors = [
        torch.cat([layer.weight, layer.bias[:, None]], 1).unflatten(0, (rank, WIDTH))
        for layer in fusion.factors.values()  # type: ignore[union-attr, operator]
    ]
    tensor = torch.einsum("r,roi,roj->oij", fusion.weights, *factors)  # type: ignore[arg-type]
    expected = torch.einsum("oij,bi,bj->bo", tensor, *vectors) + fusion.bias
    assert torch.allclose(fusion(made, SILENT), expected, atol=1e-4)
