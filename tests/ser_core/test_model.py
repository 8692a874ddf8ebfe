"""A model is a pure function of parameters, batch and noise, and models can be stacked and stepped as one."""

import pytest
import torch
from torch.func import functional_call, stack_module_state

from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.stems import FeatureStem
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import SpeechEmotionModel, build_model, derived_seed
from tests.conftest import Configure

ROWS = list(range(0, 96, 7))
ALL_TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")


@pytest.fixture(params=FUSIONS)
def models(request: pytest.FixtureRequest, configure: Configure, inputs: Dataset) -> list[SpeechEmotionModel]:
    config = configure(f"model.fusion={request.param}", *ALL_TASKS)
    return [build_model(config, inputs, torch.arange(48), seed) for seed in (1, 2)]


def test_the_same_noise_gives_the_same_outputs_and_changes_nothing(models: list[SpeechEmotionModel], inputs: Dataset) -> None:
    model, batch = models[0].train(), inputs.batch(ROWS)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parameters = dict(model.named_parameters())
    first, again, other = (functional_call(model, parameters, (batch, DropoutKey(torch.tensor(key)))) for key in (5, 5, 6))
    for name in ("emotion", "dimensions", "gender"):
        assert torch.equal(first[0][name], again[0][name]) and torch.equal(first[1][name], again[1][name])
        assert not torch.equal(first[0][name], other[0][name])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_two_stacked_models_are_the_two_alone(models: list[SpeechEmotionModel], inputs: Dataset) -> None:
    batch, keys = inputs.batch(ROWS), torch.tensor([11, 2**50])
    parameters, buffers = stack_module_state(list(models))  # type: ignore[arg-type]

    def run(state: dict[str, torch.Tensor], key: torch.Tensor) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        return functional_call(models[0], state, (batch, DropoutKey(key)))

    outputs, losses = torch.func.vmap(run)({**parameters, **buffers}, keys)
    for index, model in enumerate(models):
        alone_outputs, alone_losses = model(batch, DropoutKey(keys[index]))
        for name in alone_outputs:
            assert torch.allclose(outputs[name][index], alone_outputs[name], atol=1e-5)
            assert torch.allclose(losses[name][index], alone_losses[name], atol=1e-5)


def test_seeds_decide_the_weights_and_leave_torchs_own_alone(configure: Configure, inputs: Dataset) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same, other = (build_model(configure(), inputs, torch.arange(48), seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_dropout_is_where_it_is_asked_for(configure: Configure, inputs: Dataset) -> None:
    """Channels and heads may each have their own share; without one they have that of the model."""
    nowhere = ("model.dropout=0", "model.fusion=concat")
    places = {
        "model.speech_dropout=.5": {"emotion", "dimensions"},
        "model.text_dropout=.5": {"emotion", "dimensions"},
        "tasks.emotion.dropout=.5": {"emotion"},
        "tasks.dimensions.dropout=.5": {"dimensions"},
        "model.width=128": set(),
    }
    for override, moved in places.items():
        model = build_model(configure(*nowhere, override), inputs, torch.arange(48), 1)
        one, other = (model(inputs.batch(ROWS), DropoutKey(torch.tensor(seed)))[0] for seed in (1, 2))
        assert {name for name in ("emotion", "dimensions") if not torch.equal(one[name], other[name])} == moved, override


def test_a_task_of_weight_0_builds_no_head(configure: Configure, inputs: Dataset) -> None:
    config = configure("tasks.dimensions.weight=0", "tasks.gender.weight=0")
    model = build_model(config, inputs, torch.arange(48), 1)
    assert list(model.heads) == ["emotion"]
    assert not any("gender" in name or "dimensions" in name for name in model.state_dict())
    with pytest.raises(SettingError, match="no task is left: every task has weight 0"):
        build_model(
            configure(*(f"tasks.{name}.weight=0" for name in ("emotion", "dimensions", "gender"))), inputs, torch.arange(9), 1
        )


def test_every_site_of_dropout_is_its_own(models: list[SpeechEmotionModel]) -> None:
    sites = [module.site for module in models[0].modules() if hasattr(module, "site")]
    assert len(set(sites)) == len(sites) >= 5 and 0 not in sites


def test_statistics_come_from_the_training_rows(configure: Configure, inputs: Dataset) -> None:
    few, many = (build_model(configure(), inputs, torch.arange(count), 1).stems["speech"] for count in (24, 96))
    assert isinstance(few, FeatureStem) and isinstance(many, FeatureStem)
    assert torch.equal(few.mean, inputs.channels["speech"].statistics(torch.arange(24))[0])
    assert not torch.equal(few.mean, many.mean)


def test_derived_seeds_are_apart() -> None:
    seeds = {derived_seed(seed, fold, purpose) for seed in range(5) for fold in range(5) for purpose in ("weights", "order")}
    assert len(seeds) == 50


@pytest.mark.parametrize("contrast", [(), ("tasks.self_contrast.weight=0.1",)])
def test_sizes_tell_what_a_model_needs_without_a_task(configure: Configure, inputs: Dataset, contrast: tuple[str, ...]) -> None:
    """Counted independently: a parameter is needed for a prediction if the prediction has a gradient with respect to it."""
    config = configure(*ALL_TASKS, *contrast)
    inputs = plan(config, dataset=inputs).dataset
    model = build_model(config, inputs, torch.arange(48), 1).eval()
    sizes, batch = model.sizes(), inputs.batch(ROWS)

    def needed(tasks: set[str]) -> int:
        outputs, _ = model(batch, DropoutKey(None), tasks=tasks)
        weights = list(model.parameters())
        found = torch.autograd.grad(sum(each.sum() for each in outputs.values()), weights, allow_unused=True)
        return sum(weight.numel() for weight, gradient in zip(weights, found, strict=True) if gradient is not None)

    assert sizes["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    everything = needed(set(model.heads))
    for task in model.heads:
        assert everything - needed(set(model.heads) - {task}) <= sizes[f"{task}.parameters"]
    helpers = [task for task in model.heads if task not in ("emotion", "dimensions")]
    without = sizes["parameters"] - sum(sizes[f"{task}.parameters"] for task in helpers)
    assert needed({"emotion", "dimensions"}) == without - (sizes["parameters"] - everything)
