"""Folds of several configurations trained as one program (optim.pack=0): the same up to rounding as each trained alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from ser_core.cross_validation.cross_validate import cross_validate, cross_validate_many
from ser_core.cross_validation.events import Event, FoldFailed, FoldResult, Progress
from ser_core.cross_validation.plan import Plan, plan
from ser_core.cross_validation.records import FoldRecord, RunStore
from ser_core.dataset.dataset import Dataset
from ser_core.training.packed.stack import Stack
from tests.conftest import Configure

KNOBS = ("optim.epochs=4", "optim.patience=2")
EACH = ((), ("optim.learning_rate=0.02", "tasks.gender.weight=0.3"), ("seed=1",))
"""Configurations of one shape."""


def plans(
    configure: Configure, inputs: Dataset, *more: str, each: Sequence[Sequence[str]] = EACH, store: str = "together"
) -> list[Plan]:
    return [plan(configure("optim.pack=0", *KNOBS, *overrides, *more, store=store), dataset=inputs) for overrides in each]


def together(made: Sequence[Plan]) -> list[tuple[int, Event]]:
    wanted = [(planned, range(1, len(planned.folds) + 1)) for planned in made]
    return list(cross_validate_many(wanted, RunStore(made[0].config.run.store)))


def results(told: Sequence[tuple[int, Event]]) -> dict[tuple[int, int], FoldRecord]:
    return {(which, event.record.key.fold): event.record for which, event in told if isinstance(event, FoldResult)}


def test_configurations_of_one_shape_train_as_one_program(configure: Configure, inputs: Dataset) -> None:
    made = plans(configure, inputs)
    found = results(together(made))
    assert sorted(found) == [(which, fold) for which in range(3) for fold in range(1, 5)]
    for which, overrides in enumerate(EACH):
        config = configure(*KNOBS, *overrides, store="alone")
        for event in cross_validate(config, planned=plan(config, dataset=inputs)):
            if isinstance(event, FoldResult):
                record = found[which, event.record.key.fold]
                assert record.chosen_epoch == event.record.chosen_epoch
                assert [pytest.approx(entry, rel=1e-3) for entry in record.epochs] == event.record.epochs
                assert record.spent["stacked"] == 12 and record.key.fingerprint == made[which].fingerprint
    assert not list(Path(made[0].config.run.store).rglob("*.state"))


def test_what_is_recorded_is_not_trained_again_whoever_it_was_stacked_with(configure: Configure, inputs: Dataset) -> None:
    first, second, third = plans(configure, inputs)
    together([first])
    told = together([second, first, third])
    assert {which for which, event in told if isinstance(event, FoldResult) and event.trained} == {0, 2}
    assert {record.spent["stacked"] for (which, _), record in results(told).items() if which != 1} == {8}


def test_a_fold_goes_on_from_its_own_state_in_other_company(configure: Configure, inputs: Dataset) -> None:
    made = plans(configure, inputs, "run.checkpoint_seconds=0")
    events = cross_validate_many([(planned, [1, 2]) for planned in made], RunStore(made[0].config.run.store))
    next(event for _, event in events if isinstance(event, Progress) and event.epoch == 3)
    events.close()  # type: ignore[attr-defined]
    assert len(list(Path(made[0].config.run.store).rglob("*.state"))) == 6
    told = list(cross_validate_many([(made[2], [1])], RunStore(made[0].config.run.store)))
    assert min(event.epoch for _, event in told if isinstance(event, Progress)) == 4
    (record,) = results(told).values()
    whole = results(together(plans(configure, inputs, store="whole")))[2, 1]
    assert record.chosen_epoch == whole.chosen_epoch
    assert [pytest.approx(entry, rel=1e-3) for entry in record.epochs] == whole.epochs


@pytest.mark.parametrize("beside", [("optim.learning_rate=1e30",), ("optim.learning_rate=1e30", "model.width=8")])
def test_a_configuration_that_diverges_does_so_alone(beside: tuple[str, ...], configure: Configure, inputs: Dataset) -> None:
    made = plans(configure, inputs, each=(EACH[0], beside))
    told = together(made)
    assert {(which, event.fold) for which, event in told if isinstance(event, FoldFailed)} == {(1, fold) for fold in range(1, 5)}
    assert set(results(told)) == {(0, fold) for fold in range(1, 5)}


def test_what_memory_does_not_hold_is_cut_in_halves(
    configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No GPU is at hand: its complaint is raised for stacks of more than three models."""
    gradients = Stack.gradients

    def stepped(stack: Stack, count: int, *given: Any) -> Any:
        if count > 3:
            raise torch.OutOfMemoryError(f"{count} models")
        return gradients(stack, count, *given)

    monkeypatch.setattr(Stack, "gradients", stepped)
    found = results(together(plans(configure, inputs)))
    assert len(found) == 12 and {record.spent["stacked"] for record in found.values()} == {3}
