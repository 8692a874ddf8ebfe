"""What every weighting promises: it trains, repeats itself, leaves out what has weight 0, and a single task is summed plainly."""

import copy
import dataclasses
import json
import math

import pytest
import torch

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError, TrainingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.training.epoch import train_epoch
from ser_core.training.step import total_loss, trunk_gradients, trunk_parameters
from ser_core.training.train_state import TrainState, begin_stage, new_model
from ser_core.weighting import WEIGHTINGS
from tests.conftest import Configure
from tests.ser_core.training.test_fit import first_fold, trained
from tests.shared_material import ROOT

TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")
ALONE = ("tasks.dimensions.weight=0", "tasks.gender.weight=0")


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    state = other.state_dict()
    return all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


def course(config: Config, inputs: Dataset) -> TrainState:
    rows = first_fold(config, inputs).train.tolist()
    return begin_stage(config, inputs, new_model(config, inputs, rows, 1), rows, 1, 0)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_it_trains_and_repeats_itself(name: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"weighting={name}", *TASKS, "optim.epochs=4", "optim.learning_rate=0.01", "optim.patience=4")
    (ends, one), (_, again) = trained(config, inputs), trained(config, inputs)
    assert same(one.model, again.model) and one.epochs == again.epochs
    for task in ("emotion", "dimensions", "gender"):
        assert ends[-1].losses[task] < ends[0].losses[task]
    if name != "fixed":
        plain = trained(configure(*TASKS, "optim.epochs=4", "optim.learning_rate=0.01", "optim.patience=4"), inputs)[1]
        assert not same(one.model, plain.model)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_task_of_weight_0_is_not_there(name: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"weighting={name}", *TASKS[:2], "tasks.gender.weight=0", "weighting.monitor=true")
    begun = course(config, inputs)
    assert all(len(value) == 2 for value in begun.weighting_state.values())
    measured = train_epoch(config, inputs, begun, 1, monitor=True)
    assert not [entry for entry in measured if "gender" in entry]


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_single_task_is_summed_plainly(name: str, configure: Configure, inputs: Dataset) -> None:
    one, plain = (trained(configure(f"weighting={each}", *ALONE), inputs)[1] for each in (name, "fixed"))
    assert same(one.model, plain.model) and one.epochs == plain.epochs


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_monitoring_changes_nothing_and_logs_every_task_and_pair(name: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"weighting={name}", *TASKS)
    plain = trained(config, inputs)[1]
    watched = trained(configure(f"weighting={name}", *TASKS, "weighting.monitor=true"), inputs)[1]
    assert same(plain.model, watched.model)
    tasks = ["emotion", "dimensions", "gender"]
    added = [*(f"weight.{task}" for task in tasks), *(f"norm.{task}" for task in tasks)]
    added += ["cosine.emotion.dimensions", "cosine.emotion.gender", "cosine.dimensions.gender"]
    for before, after in zip(plain.epochs, watched.epochs, strict=True):
        assert [entry for entry in after if entry not in before] == added
        assert {entry: after[entry] for entry in before} == before
        assert all(math.isfinite(after[entry]) for entry in added)
        assert all(-1 <= after[entry] <= 1 for entry in added if entry.startswith("cosine"))
    if name == "fixed":
        assert [watched.epochs[0][entry] for entry in added[:3]] == pytest.approx([1, 0.5, 0.2])


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_course_continues_from_its_saved_state(name: str, configure: Configure, inputs: Dataset) -> None:
    """Model, optimiser, rates, order and the weighting's state are all there is."""
    config = configure(f"weighting={name}", *TASKS, "optim.epochs=4")
    whole, stopped, resumed = (course(config, inputs) for _ in range(3))
    for epoch in (1, 2, 3, 4):
        train_epoch(config, inputs, whole, epoch)
    for epoch in (1, 2):
        train_epoch(config, inputs, stopped, epoch)
    resumed.model.load_state_dict(stopped.model.state_dict())
    resumed.optimiser.load_state_dict(copy.deepcopy(stopped.optimiser.state_dict()))
    resumed.rates.load_state_dict(stopped.rates.state_dict())
    resumed.generator.set_state(stopped.generator.get_state())
    with torch.no_grad():
        for entry, value in stopped.weighting_state.items():
            resumed.weighting_state[entry].copy_(value)
    for epoch in (3, 4):
        train_epoch(config, inputs, resumed, epoch)
    assert same(whole.model, resumed.model)
    assert all(torch.equal(value, resumed.weighting_state[entry]) for entry, value in whole.weighting_state.items())


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_poisoned_features_name_epoch_step_and_tasks(name: str, configure: Configure, inputs: Dataset) -> None:
    speech = inputs.channels["speech"]
    sequences = [torch.full_like(speech.sequences[row], float("nan")) for row in range(96)]
    poisoned = {**inputs.channels, "speech": dataclasses.replace(speech, sequences=sequences)}
    config = configure(f"weighting={name}", *TASKS[:2], "tasks.gender.weight=0")
    with pytest.raises(TrainingError, match="the emotion and dimensions loss became non-finite in epoch 1, step 1"):
        trained(config, dataclasses.replace(inputs, channels=poisoned))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_early_stopping_and_refit_go_with_it(name: str, configure: Configure, inputs: Dataset) -> None:
    knobs = (f"weighting={name}", *TASKS, "folds.dev=speakers", "optim.epochs=8", "optim.patience=1", "optim.learning_rate=0.1")
    plain, refitted = (trained(configure(*knobs, f"optim.refit={refit}"), inputs) for refit in (False, True))
    assert len(plain[0]) <= plain[1].chosen_epoch + 1
    assert plain[1].epochs == refitted[1].epochs and not same(plain[1].model, refitted[1].model)


@pytest.mark.parametrize("name", [name for name in WEIGHTINGS if WEIGHTINGS[name]().build().batched])
def test_totals_of_stacked_models_are_those_alone(name: str) -> None:
    method = WEIGHTINGS[name]().build()
    tasks, losses = torch.tensor([[1.0, 0.5], [0.2, 2.0]]), torch.tensor([[0.9, 0.4], [1.5, 0.3]])
    states = [method.begin(row) for row in tasks]
    for epoch in (1.0, 0.5):
        states = [method.after_epoch(state, epoch * row) for state, row in zip(states, losses, strict=True)]
    stacked = {entry: torch.stack([state[entry] for state in states]) for entry in states[0]}
    slope = torch.func.vmap(torch.func.grad(lambda loss, state: method.total(loss, state)))(losses, stacked)
    totals = torch.func.vmap(method.total)(losses, stacked)
    for index, state in enumerate(states):
        assert totals[index].item() == pytest.approx(method.total(losses[index], state).item())
        assert slope[index].tolist() == pytest.approx(method.weights(state).tolist())


def test_which_weightings_can_be_batched_over_models() -> None:
    built = {name: option().build() for name, option in WEIGHTINGS.items()}
    assert [name for name, method in built.items() if method.batched] == ["fixed", "uncertainty", "dwa", "rlw"]
    assert not [name for name, method in built.items() if method.batched and method.reads_gradients]


def test_gradients_on_the_trunk_add_up_to_those_of_the_total(configure: Configure, inputs: Dataset) -> None:
    config = configure(*TASKS, "model.fusion=bridge")
    begun = course(config, inputs)
    model, parameters = begun.model, dict(begun.model.named_parameters())
    loss, losses, _ = total_loss(begun, parameters, inputs.batch(list(range(16))), torch.tensor(3))
    trunk = trunk_parameters(model)
    gradients = trunk_gradients(list(losses.values()), trunk)
    loss.backward()
    whole = torch.cat([value.grad.flatten() if value.grad is not None else torch.zeros(value.numel()) for value in trunk])
    assert torch.allclose(begun.weighting_state["tasks"] @ gradients, whole, atol=1e-6)
    assert len(trunk) + len(list(model.heads.parameters())) == len(list(model.parameters()))
    assert model(inputs.batch([0]), DropoutKey(None))[1].keys() == losses.keys()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("weighting.temperature=0", r"weighting\.temperature"),
        ("weighting=other", "no such option"),
        ("weighting.alpha=2", "belongs to gradnorm"),
    ],
)
def test_a_wrong_knob_is_refused(override: str, message: str, configure: Configure) -> None:
    chosen = ["weighting=dwa"] if "temperature" in override else []
    with pytest.raises(SettingError, match=message):
        configure(*chosen, override)


def test_stated_costs_are_those_measured() -> None:
    """tests/benchmarks/weightings.py measures them; an option without a cost is not in the result yet."""
    found = json.loads((ROOT / "tests" / "benchmarks" / "results" / "weightings.json").read_text())["ratios"]
    stated = {name: option.cost for name, option in WEIGHTINGS.items() if option.cost is not None}
    assert stated == {name: each["processor"] for name, each in found.items()}
