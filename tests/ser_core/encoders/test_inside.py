"""What every integration and every adapter promises, in every family: nothing at the start, gradients for all, no randomness."""

import itertools
from typing import Any

import pytest
import torch
from torch.func import functional_call, stack_module_state

from ser_core.batch import Stream
from ser_core.encoders.adapters import ADAPTERS, ADDED, Lora
from ser_core.encoders.integration import INTEGRATIONS, AriRe2
from ser_core.keyed_dropout import DropoutKey
from tests.ser_core.encoders.inside import CPU, FAMILIES, Checkpoint, checkpoint, loss, states, stepped

INSIDE: dict[str, dict[str, Any]] = {
    **{f"integration={name}": {"integration": option()} for name, option in INTEGRATIONS.items() if name != "none"},
    **{f"adapter={name}": {"adapter": option()} for name, option in ADAPTERS.items() if name != "none"},
    "integration=ari_re2 of rank 3": {"integration": AriRe2(rank=3)},
    "adapter=lora scaled": {"adapter": Lora(rank=2, scale=8.0)},
}
BOTH = {"integration": INTEGRATIONS["ari_re2"](), "adapter": ADAPTERS["lora_bottleneck"]()}
"""The most that can be inside."""
NEVER_STACKED = ("wav2vec2-conformer", "deberta-v3", "modernbert")


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("checkpoint"), request.param)


@pytest.mark.parametrize("inside", [*INSIDE.values(), BOTH], ids=[*INSIDE, "both"])
def test_at_the_start_the_encoder_is_the_plain_one_to_the_last_bit(made: Checkpoint, inside: dict[str, Any]) -> None:
    plain, other = made.stem(), made.stem(**inside)
    for one, another in zip(states(plain, made.below), states(other, made.below), strict=True):
        assert torch.equal(one[made.below.mask], another[made.below.mask])
    assert torch.equal(plain(made.below, DropoutKey(None)).steps, other(made.below, DropoutKey(None)).steps)


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_every_new_parameter_has_a_gradient_after_one_step(made: Checkpoint, inside: dict[str, Any]) -> None:
    stem = stepped(made.stem(**inside), made.below)
    loss(stem, made.below).backward()
    new = [part for part in stem.parts() if part.kind == "adapters"]
    assert new and all(part.parameter.grad is not None and part.parameter.grad.any() for part in new)


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_the_step_changes_the_output_and_padding_does_not(made: Checkpoint, inside: dict[str, Any]) -> None:
    stem = made.stem(rate=0.0, **inside)
    before = states(stem, made.below)[-1].detach()
    after = states(stepped(stem, made.below), made.below)[-1]
    assert not torch.allclose(before[made.below.mask], after[made.below.mask], atol=1e-4)
    alone = Stream(made.below.steps[1:, : int(made.below.mask[1].sum())], made.below.mask[1:, : int(made.below.mask[1].sum())])
    assert torch.allclose(states(stem, alone)[-1][0], after[1][made.below.mask[1]], atol=1e-4)


@pytest.mark.parametrize("inside", [{}, *INSIDE.values(), BOTH], ids=["plain", *INSIDE, "both"])
def test_parts_are_all_that_is_trained_below_the_reader(made: Checkpoint, inside: dict[str, Any]) -> None:
    plain, stem = made.stem(), made.stem(**inside, decay=0.5, rate=0.25)
    parts = list(stem.parts())
    assert {id(part.parameter) for part in parts} == {id(each) for each in stem.top.parameters()}
    assert len({id(part.parameter) for part in parts}) == len(parts)
    encoder = [part for part in parts if part.kind == "encoder"]
    assert sum(part.parameter.numel() for part in encoder) == sum(each.numel() for each in plain.top.parameters())
    assert all(part.factor == 0.25 * 0.5**part.depth for part in encoder)
    assert all(part.factor == 1.0 for part in parts if part.kind == "adapters")
    # ALBERT's only layer counts where it is highest.
    assert {part.depth for part in encoder} == set(range(len(stem.top.layers)))
    assert {part.depth for part in parts} <= {0, 1, 2}
    uppermost = {id(each) for each in (*stem.top.layers[-1].parameters(), *stem.top.closing.parameters())}
    assert {id(part.parameter) for part in encoder if part.depth == 0} <= uppermost


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_rate_0_trains_what_is_new_alone(made: Checkpoint, inside: dict[str, Any]) -> None:
    stem = made.stem(rate=0.0, **inside)
    before = {name: value.clone() for name, value in stem.top.state_dict().items()}
    after = stepped(stem, made.below, steps=2).top.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and moved <= {name for name, each in stem.top.named_parameters() if each.requires_grad}
    assert all(ADDED.search(name) or name.startswith("integration.") for name in moved)


def test_recomputed_layers_have_the_same_gradients(made: Checkpoint) -> None:
    kept, again = (stepped(made.stem(checkpointing=each, **BOTH), made.below) for each in (False, True))
    runs = []
    again.top.layers[0].register_forward_pre_hook(lambda *given: runs.append(1))
    for stem in (kept, again):
        loss(stem, made.below).backward()
    assert len(runs) == 2 * stem.top.order.count(0)
    assert same([each.grad for each in kept.parameters()], [each.grad for each in again.parameters()])


def test_recomputing_uses_the_weights_of_the_forward_pass(made: Checkpoint) -> None:
    """Those that functional_call put there, which are gone by the time of the backward pass."""
    found = []
    for checkpointing in (False, True):
        stem = made.stem(checkpointing=checkpointing, **BOTH)
        others = {name: (1.01 * value.detach()).requires_grad_() for name, value in stem.named_parameters()}
        functional_call(stem, others, (made.below, DropoutKey(None))).steps.square().sum().backward()
        found.append([value.grad for value in others.values()])
        assert all(value.grad is None for value in stem.parameters())
    assert same(*found)


def same(ones: list[torch.Tensor | None], others: list[torch.Tensor | None]) -> bool:
    """Whether gradients are the same to the last bit; None is one that is not there (WavLM's position table has none)."""
    assert sum(each is not None and bool(each.any()) for each in ones) > len(ones) / 2
    pairs = list(zip(ones, others, strict=True))
    return all(one is other if one is None or other is None else torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_the_seed_alone_decides(made: Checkpoint, inside: dict[str, Any]) -> None:
    one, same, other = (made.stem(seed=seed, **inside).top.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = {name for name in one if not torch.equal(one[name], other[name])}
    assert all(ADDED.search(name) or name.startswith("integration.") for name in drawn)
    assert bool(drawn) == ("adapter" in inside or inside["integration"] == AriRe2(rank=3))


def test_the_same_draws_whether_or_not_the_weights_were_read_before(made: Checkpoint) -> None:
    """A checkpoint may lack what is not run (a pooler, a decoder), which transformers then draws."""
    tuning, draws = made.option.tuning(CPU), []
    assert tuning is not None
    for _ in range(2):
        torch.manual_seed(5)
        tuning.top()
        draws.append(torch.rand(1))
    assert torch.equal(*draws)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # attention on a CPU is looped over
@pytest.mark.parametrize("inside", [{}, *INSIDE.values()], ids=["plain", *INSIDE])
def test_two_stacked_stems_are_the_two_alone(made: Checkpoint, inside: dict[str, Any]) -> None:
    if made.family in NEVER_STACKED:
        pytest.skip("trained layers are never stacked, and these have an operation without a batching rule")
    stems = [stepped(made.stem(seed=seed, **inside), made.below) for seed in (1, 2)]
    parameters, buffers = stack_module_state(list(stems))  # type: ignore[arg-type]

    def run(state: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional_call(stems[0], state, (made.below, DropoutKey(None))).steps

    together = torch.func.vmap(run)({**parameters, **buffers})
    alone = torch.stack([stem(made.below, DropoutKey(None)).steps for stem in stems])
    assert not torch.allclose(alone[0], alone[1], atol=1e-3) and torch.allclose(together, alone, atol=1e-4)


def test_tables_hold_their_options_by_name() -> None:
    for name, option in itertools.chain(INTEGRATIONS.items(), ADAPTERS.items()):
        assert option().name == name  # type: ignore[attr-defined]
