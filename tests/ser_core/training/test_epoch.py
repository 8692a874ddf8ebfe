"""Averaged gradients of several batches make one step; the schedule ends with the last step, however batches are filled."""

import copy
import math
from typing import Any

import pytest
import torch

from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.training import epoch as epoch_module
from ser_core.training.epoch import train_epoch
from ser_core.training.step import add_gradient, total_loss
from ser_core.training.train_state import TrainState, begin_stage, new_model, restore, snapshot
from tests.conftest import Configure


def course_of(configure: Configure, inputs: Dataset, *overrides: str):
    """The config, and a course over the training part of the first fold."""
    config = configure("tasks.gender.weight=0.3", "optim.learning_rate=0.01", *overrides)
    rows = plan(config, dataset=inputs).folds.folds[0].train.tolist()
    return config, begin_stage(config, inputs, new_model(config, inputs, rows, 1), rows, 1, 0)


@pytest.mark.parametrize("weighting", ["fixed", "pcgrad", "gradnorm", "upgrad", "famo"])
def test_the_gradient_of_a_step_is_the_mean_over_its_batches(weighting: str, configure: Configure, inputs: Dataset) -> None:
    _, course = course_of(configure, inputs, f"weighting={weighting}")
    parameters = dict(course.model.named_parameters())
    key = torch.tensor(7)

    def gradient(*groups: list[int]) -> dict[str, torch.Tensor]:
        course.optimiser.zero_grad()
        for rows in groups:
            loss, losses, _ = total_loss(course, parameters, inputs.batch(rows, key), key)
            state = dict(course.weighting_state)
            add_gradient(course, loss, losses, key, monitor=False, share=1 / len(groups))
            course.weighting_state.update(state)
        return {name: value.grad.clone() for name, value in parameters.items() if value.grad is not None}

    one, other, both = gradient([0, 1, 2, 3]), gradient([8, 9, 10, 11]), gradient([0, 1, 2, 3], [8, 9, 10, 11])
    assert len(both) > 5
    for name, value in both.items():
        torch.testing.assert_close(value, (one[name] + other[name]) / 2, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("accumulate", [1, 2, 3, 99])
def test_an_epoch_has_a_step_for_every_so_many_batches(accumulate: int, configure: Configure, inputs: Dataset) -> None:
    """The last of them may hold fewer; the schedule ends with the last step."""
    config, course = course_of(configure, inputs, f"optim.accumulate={accumulate}", "optim.epochs=3", "optim.batch=10")
    batches = math.ceil(len(course.rows) / config.optim.batch)
    assert batches > 3
    for epoch in (1, 2, 3):
        train_epoch(config, inputs, course, epoch)
        assert course.rates.last_epoch == epoch * math.ceil(batches / accumulate)
    assert course.rates.get_last_lr()[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("knobs", [(), ("optim.accumulate=3",), ("optim.sampling=balanced", "tasks.emotion.class_weights=none")])
def test_batches_by_length_end_with_the_schedule_and_go_on_to_the_same_bits(
    knobs: tuple[str, ...], configure: Configure, inputs: Dataset
) -> None:
    """However many steps each order makes; a course that is saved after its second epoch ends like one that is not."""
    given = ("optim.batching=length", "optim.epochs=3", "optim.batch=4", *knobs)
    config, course = course_of(configure, inputs, *given)
    counts = [epoch_steps(config, inputs, course, epoch) for epoch in (1, 2)]
    state = copy.deepcopy(snapshot(course))
    counts.append(epoch_steps(config, inputs, course, 3))
    _, again = course_of(configure, inputs, *given)
    restore(again, state)
    assert epoch_steps(config, inputs, again, 3) == counts[-1]
    assert "optim.accumulate=3" in knobs or len(set(counts)) > 1
    assert course.rates.get_last_lr()[0] == pytest.approx(0, abs=1e-9)
    assert course.optimiser.state_dict()["param_groups"] == again.optimiser.state_dict()["param_groups"]
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in course.model.state_dict().items())


def epoch_steps(config: Config, inputs: Dataset, course: TrainState, epoch: int) -> int:
    """Trains an epoch and counts its steps."""
    before = course.rates.last_epoch
    train_epoch(config, inputs, course, epoch)
    return course.rates.last_epoch - before


def test_accumulation_schedule_and_batching_make_another_experiment(configure: Configure, inputs: Dataset) -> None:
    knobs = ((), ("optim.accumulate=2",), ("optim.schedule=constant",), ("optim.batching=length",))
    keys = {plan(configure(*each), dataset=inputs).keys[0] for each in knobs}
    assert len(keys) == 4


@pytest.mark.parametrize("accumulate", [1, 3])
def test_losses_after_a_step_differ_only_by_what_the_step_changed(
    accumulate: int, configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a learning rate they are those before it, with dropout and memory; with one, they are those of a fresh forward."""
    given = ("weighting=famo", f"optim.accumulate={accumulate}", "model.dropout=0.4", "tasks.dimensions.memory=20")
    for rate in (0.0, 0.01):
        config, course = course_of(configure, inputs, *given)
        course.rates.base_lrs = [rate for _ in course.rates.base_lrs]
        for group in course.optimiser.param_groups:
            group["lr"] = rate
        compared: list[tuple[torch.Tensor, torch.Tensor]] = []
        method = type(course.weighting)
        plain = method.after_update

        def noted(self: Any, state: Any, before: torch.Tensor, after: torch.Tensor, plain=plain, compared=compared) -> Any:
            compared.append((before, after))
            return plain(self, state, before, after)

        with monkeypatch.context() as patch:
            patch.setattr(method, "after_update", noted)
            train_epoch(config, inputs, course, 1)
        assert (
            len(compared) == math.ceil(math.ceil(len(course.rows) / config.optim.batch) / accumulate) == course.rates.last_epoch
        )
        assert all(torch.equal(before, after) == (rate == 0) for before, after in compared)
        assert bool(course.weighting_state["logits"].any()) == (rate > 0)
        assert all(parameter.grad is None for parameter in course.model.parameters())


def test_the_forward_pass_after_a_step_leaves_the_model_as_it_is(
    configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a rate of 0 FAMO's logits stay, so an epoch without that pass must end with the same bits."""
    ends = []
    for skipped in (False, True):
        config, course = course_of(configure, inputs, "weighting=famo", "weighting.rate=0", "tasks.dimensions.memory=20")
        if skipped:
            monkeypatch.setattr(epoch_module, "compare_update", lambda *given: None)
        train_epoch(config, inputs, course, 1)
        ends.append(course.model.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
