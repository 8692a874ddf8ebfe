"""Models that are trained as one program are those that `fit` trains: fold, seed, schedule and task weights are each its own."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
import torch

from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import TrainingError
from ser_core.fusion import FUSIONS
from ser_core.training import phase as alone
from ser_core.training.fit import Fitted, fit
from ser_core.training.packed import PackJob, fit_packed
from ser_core.training.packed.stack import Stack
from ser_core.training.phase import EpochEnd
from tests.conftest import Configure

EPOCHS = ("optim.epochs=3", "optim.patience=3")
LIKE = (
    ("seed=0",),
    ("seed=1", "optim.learning_rate=0.01", "tasks.emotion.weight=0.3"),
    ("optim.weight_decay=0.4", "optim.clip=0.1"),
)
"""Configurations that may be stacked."""
WEIGHTINGS = ("weighting=uncertainty", "weighting=dwa", "weighting=rlw")
TASKS = (
    *("tasks.gender.weight=0.2", "tasks.speaker.weight=0.2", "tasks.style.weight=0.2", "tasks.self_contrast.weight=0.1"),
    *("tasks.augmented_contrast.weight=0.1", "tasks.contrast.weight=0.1 tasks.contrast.memory=24", "tasks.dimensions.memory=20"),
    *("tasks.emotion.hidden=8 tasks.emotion.loss=focal", "tasks.dimensions.shared=false tasks.dimensions.loss=mse"),
    *("model.masking=utterance", "optim.sampling=balanced tasks.emotion.class_weights=none", "optim.monitor=loss"),
    "optim.batching=length optim.batch=8",
)


@pytest.fixture
def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models compute in float64, where other last bits do not show."""
    made = alone.new_model
    monkeypatch.setattr(alone, "new_model", lambda *given: made(*given).double())


def jobs(configure: Configure, inputs: Dataset, each: Sequence[Sequence[str]], folds: Sequence[int] = (1, 2)) -> list[PackJob]:
    plans = [plan(configure(*overrides), dataset=inputs) for overrides in each]
    return [PackJob(one.config, inputs, one.folds.folds[number - 1]) for one in plans for number in folds]


def together(given: Sequence[PackJob]) -> tuple[dict[int, list[EpochEnd]], dict[int, Fitted]]:
    ends: dict[int, list[EpochEnd]] = {number: [] for number in range(len(given))}
    fitted: dict[int, Fitted] = {}
    for each in fit_packed(given):
        fitted |= each.fitted
        for number, end in each.ends.items():
            ends[number] += [] if end.refit else [end]
    return ends, fitted


def one(job: PackJob) -> tuple[list[EpochEnd], Fitted]:
    ends: list[EpochEnd] = []
    training = fit(job.config, job.dataset, job.fold)
    while True:
        try:
            ends.append(next(training))
        except StopIteration as stop:
            return ends, stop.value


def logged(epochs: list[dict[str, float]]) -> list[Any]:
    return [pytest.approx(entry, rel=1e-9, nan_ok=True) for entry in epochs]


def assert_equal(given: Sequence[PackJob]) -> None:
    """Parameters, log, chosen epochs and predictions within 1e-9 of those of each alone."""
    ends, found = together(given)
    for number, job in enumerate(given):
        expected_ends, expected = one(job)
        assert found[number].epochs == logged(expected.epochs)
        assert [end.epoch for end in ends[number]] == [end.epoch for end in expected_ends]
        assert found[number].chosen_epoch == expected.chosen_epoch
        states = found[number].model.state_dict()
        for name, value in expected.model.state_dict().items():
            assert torch.allclose(states[name].double(), value.double(), rtol=1e-9, atol=1e-10), name
        pd.testing.assert_frame_equal(found[number].dev_predictions, expected.dev_predictions, rtol=1e-5)


@pytest.mark.usefixtures("doubled")
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_learns_what_it_learns_alone(fusion: str, configure: Configure, inputs: Dataset) -> None:
    assert_equal(jobs(configure, inputs, [(f"model.fusion={fusion}", "optim.epochs=2", *each) for each in LIKE[:2]]))


@pytest.mark.usefixtures("doubled")
@pytest.mark.parametrize("given", [*WEIGHTINGS, *TASKS])
def test_every_weighting_and_task_learns_what_it_learns_alone(given: str, configure: Configure, inputs: Dataset) -> None:
    assert_equal(jobs(configure, inputs, [(*given.split(), *EPOCHS, *each) for each in LIKE], [1]))


@pytest.mark.usefixtures("doubled")
def test_each_stops_at_its_own_epoch_and_is_stacked_no_longer(
    configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Stack, "gradients", _counted(Stack.gradients, sizes))
    rates = [(f"optim.learning_rate={rate}", "optim.epochs=9", "optim.patience=2", "optim.refit=false") for rate in (0.3, 1e-3)]
    given = jobs(configure, inputs, rates, [1, 2, 3])
    assert_equal(given)
    lengths = [len(one(job)[0]) for job in given]
    assert len(set(lengths)) > 1
    assert sum(sizes) == sum(3 * length for length in lengths)


def _counted(gradients: Any, sizes: list[int]) -> Any:
    def counting(stack: Stack, count: int, *given: Any) -> Any:
        sizes.append(count)
        return gradients(stack, count, *given)

    return counting


@pytest.mark.usefixtures("doubled")
def test_folds_of_different_sizes_idle_when_they_have_no_step_left(configure: Configure, inputs: Dataset) -> None:
    given = jobs(configure, inputs, [EPOCHS])
    shorter = dataclasses.replace(given[0].fold, train=given[0].fold.train[:33])
    assert_equal([dataclasses.replace(given[0], fold=shorter), given[1]])


@pytest.mark.usefixtures("doubled")
def test_what_is_trained_anew_is_stacked_with_what_is_not_there_yet(configure: Configure, inputs: Dataset) -> None:
    knobs = ("folds.dev=speakers", "optim.refit=true", "optim.patience=1", "optim.epochs=6", "optim.learning_rate=0.1")
    assert_equal(jobs(configure, inputs, [knobs], [1, 2, 3]))


@pytest.mark.usefixtures("doubled")
def test_what_is_not_alike_is_trained_beside(configure: Configure, inputs: Dataset) -> None:
    each = [("model.width=8",), ("model.dropout=0.5",), ("tasks.transcript.weight=0.1",), ("weighting=pcgrad",), ()]
    assert_equal(jobs(configure, inputs, [(*one, "optim.epochs=2") for one in each], [1]))


def test_the_same_jobs_give_the_same_bits(configure: Configure, inputs: Dataset) -> None:
    first, again = (together(jobs(configure, inputs, LIKE))[1] for _ in range(2))
    for number, fitted in first.items():
        state = again[number].model.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in fitted.model.state_dict().items())
        assert fitted.epochs == again[number].epochs


def test_models_own_their_parameters_in_the_end(configure: Configure, inputs: Dataset) -> None:
    fitted = together(jobs(configure, inputs, [()]))[1]
    for each in fitted.values():
        parameters = list(each.model.parameters())
        assert all(value.untyped_storage().nbytes() == value.numel() * value.itemsize for value in parameters)


@pytest.mark.usefixtures("doubled")
@pytest.mark.parametrize("diverges", [("optim.learning_rate=1e300",), ("optim.learning_rate=1e300", "weighting=pcgrad")])
def test_who_diverges_does_so_alone(diverges: tuple[str, ...], configure: Configure, inputs: Dataset) -> None:
    given = jobs(configure, inputs, [EPOCHS, (*EPOCHS, *diverges), (*EPOCHS, "seed=1")], [1])
    failed: dict[int, TrainingError] = {}
    fitted: dict[int, Fitted] = {}
    for each in fit_packed(given):
        failed |= each.failed
        fitted |= each.fitted
    assert list(failed) == [1] and set(fitted) == {0, 2}
    with pytest.raises(TrainingError, match=r"loss became non-finite in epoch \d+, step \d+; lower") as caught:
        one(given[1])
    assert str(caught.value) == str(failed[1])
    for number, other in fitted.items():
        states = other.model.state_dict()
        for name, value in one(given[number])[1].model.state_dict().items():
            assert torch.allclose(states[name], value, rtol=1e-9, atol=1e-10), name
