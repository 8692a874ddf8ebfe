"""Training a fold: repeatable to the last bit, stopped early, refitted, and stopped dead by a loss that is not finite."""

import dataclasses
from typing import Any

import pandas as pd
import pytest
import torch

from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import TrainingError
from ser_core.folds import Fold
from ser_core.fusion import FUSIONS
from ser_core.model import build_model
from ser_core.training.evaluate import predict
from ser_core.training.fit import Fitted, fit
from ser_core.training.phase import EpochEnd
from ser_core.training.train_state import learning_rate_factor, parameter_groups
from tests.conftest import Configure


def first_fold(config: Config, inputs: Dataset) -> Fold:
    return plan(config, dataset=inputs).folds.folds[0]


def trained(config: Config, inputs: Dataset) -> tuple[list[EpochEnd], Fitted]:
    ends: list[EpochEnd] = []
    training = fit(config, inputs, first_fold(config, inputs))
    while True:
        try:
            ends.append(next(training))
        except StopIteration as stop:
            return ends, stop.value


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_same_seed_trains_the_same_model(fusion: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"model.fusion={fusion}")
    (ends, one), (ends_again, again) = trained(config, inputs), trained(config, inputs)
    assert ends == ends_again and one.epochs == again.epochs
    pd.testing.assert_frame_equal(one.dev_predictions, again.dev_predictions, check_exact=True)
    state = again.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in one.model.state_dict().items())


def test_another_seed_trains_another(configure: Configure, inputs: Dataset) -> None:
    one, other = (trained(configure(f"seed={seed}"), inputs)[1] for seed in (0, 1))
    assert one.epochs != other.epochs


def test_training_lowers_every_loss(configure: Configure, inputs: Dataset) -> None:
    config = configure("optim.epochs=12", "optim.patience=12", "optim.learning_rate=0.01", "optim.refit=false")
    epochs = trained(config, inputs)[1].epochs
    assert [entry["epoch"] for entry in epochs] == list(range(1, 13))
    for name in config.tasks.active():
        assert epochs[-1][name] < epochs[0][name]


@pytest.mark.parametrize("monitor", ["loss", "score"])
def test_the_best_development_epoch_is_chosen_and_patience_ends_the_rest(
    monitor: str, configure: Configure, inputs: Dataset
) -> None:
    config = configure(f"optim.monitor={monitor}", "optim.epochs=15", "optim.patience=2", "optim.learning_rate=0.1")
    ends, fitted = trained(config, inputs)
    scores = [end.dev for end in ends]
    steady = scores[:1]
    for score in scores[1:]:
        steady.append((steady[-1] + score) / 2)
    assert fitted.chosen_epoch == 1 + steady.index(max(steady))
    assert len(ends) == min(15, fitted.chosen_epoch + 2)
    assert [entry["dev"] for entry in fitted.epochs] == scores


def test_without_refit_the_model_is_that_of_the_chosen_epoch(configure: Configure, inputs: Dataset) -> None:
    knobs = ("optim.epochs=6", "optim.patience=6", "optim.learning_rate=0.1")
    config = configure(*knobs, "optim.refit=false")
    fitted = trained(config, inputs)[1]
    rows = first_fold(config, inputs).dev.tolist()
    pd.testing.assert_frame_equal(predict(config, inputs, fitted.model, rows), fitted.dev_predictions)


def test_refit_learns_from_development_too_and_is_judged_without(configure: Configure, inputs: Dataset) -> None:
    plain, refitted = (trained(configure(f"optim.refit={refit}", "folds.dev=speakers"), inputs)[1] for refit in (False, True))
    assert plain.chosen_epoch == refitted.chosen_epoch
    pd.testing.assert_frame_equal(plain.dev_predictions, refitted.dev_predictions)
    fold = first_fold(configure("folds.dev=speakers"), inputs)
    mean = refitted.model.state_dict()["stems.speech.mean"]
    both = torch.tensor([*fold.train.tolist(), *fold.dev.tolist()])
    assert torch.equal(mean, inputs.channels["speech"].statistics(both)[0])
    assert torch.equal(
        plain.model.state_dict()["stems.speech.mean"], inputs.channels["speech"].statistics(torch.as_tensor(fold.train))[0]
    )


def test_partners_of_the_test_speaker_never_join_a_refit(configure: Configure, inputs: Dataset) -> None:
    plain, refitted = (
        trained(configure(f"optim.refit={refit}", "folds.dev=partner"), inputs)[1].model.state_dict() for refit in (False, True)
    )
    assert all(torch.equal(plain[name], refitted[name]) for name in plain)


def test_without_development_the_last_epoch_is_tested(configure: Configure, inputs: Dataset) -> None:
    config = configure("folds.dev=none", "optim.epochs=3", "optim.patience=1")
    ends, fitted = trained(config, inputs)
    fold = first_fold(config, inputs)
    assert fitted.chosen_epoch == len(ends) == len(fitted.epochs) == 3
    assert not len(fitted.dev_predictions) and "emotion.predicted" in fitted.dev_predictions
    train = torch.as_tensor(fold.train)
    assert torch.equal(fitted.model.state_dict()["stems.speech.mean"], inputs.channels["speech"].statistics(train)[0])


def test_predictions_do_not_depend_on_what_else_is_predicted(configure: Configure, inputs: Dataset) -> None:
    config = configure("model.fusion=bridge")
    model = build_model(config, inputs, torch.arange(48), 1)
    rows = [90, 3, 41, 7]
    together = predict(config, inputs, model, list(range(96))).iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(predict(config, inputs, model, rows), together, atol=1e-5)


def test_a_loss_that_is_not_finite_names_epoch_step_and_task(configure: Configure, inputs: Dataset) -> None:
    config = configure("optim.learning_rate=1e30")
    with pytest.raises(TrainingError, match=r"loss became non-finite in epoch \d+, step \d+; lower optim\.learning_rate"):
        trained(config, inputs)


def test_poisoned_features_name_the_first_step_and_every_task(configure: Configure, inputs: Dataset) -> None:
    speech = inputs.channels["speech"]
    sequences = [torch.full_like(speech.sequences[row], float("nan")) for row in range(96)]
    poisoned = {**inputs.channels, "speech": dataclasses.replace(speech, sequences=sequences)}
    config = configure("tasks.dimensions.weight=0.5", "tasks.gender.weight=0")
    with pytest.raises(TrainingError, match="the emotion and dimensions loss became non-finite in epoch 1, step 1"):
        trained(config, dataclasses.replace(inputs, channels=poisoned))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_parameter_is_in_the_group_it_belongs_to(fusion: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"model.fusion={fusion}")
    model = build_model(config, inputs, torch.arange(48), 1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[tuple[Any, bool], list[str]] = {}
    for group in parameter_groups(model, config.optim, config.stage_plans()[0]):
        parameters: Any = group["params"]
        faster = group["lr"] == config.optim.learning_rate * config.optim.layer_rate
        found[group["weight_decay"], faster] = [names[id(parameter)] for parameter in parameters]
    decayed, plain, layers = found[0.05, False], found[0.0, False], found[0.0, True]
    assert sorted([*decayed, *plain, *layers]) == sorted(names.values())
    assert layers == ["stems.speech.layer_scores"]
    assert all(name.endswith(("weight", "project")) and "norm" not in name for name in decayed)
    # lmf weighs its ranks by a vector, as layers are weighed.
    assert all(any(part in name for part in ("bias", "norm", "tokens", "fusion.weights")) for name in plain)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [learning_rate_factor(step / 100, 0.1) for step in range(101)]
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == rates[10] == 1 and rates[100] == pytest.approx(0) and 0 < rates[0] < 0.1
    assert learning_rate_factor(0, 0) == 1
