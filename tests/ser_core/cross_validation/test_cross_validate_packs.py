"""Folds trained as packs: a record is the same whoever is asked for, whenever the process dies, and what is recorded stays."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ser_core.config.tree import Config
from ser_core.cross_validation import train_folds
from ser_core.cross_validation.cross_validate import FoldResult, PackEpoch, Progress, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.dataset.dataset import Dataset
from ser_core.errors import FoldsError, TrainingError
from ser_core.folds import Fold
from ser_core.training.fit import Fitted
from ser_core.training.packed import epochs
from ser_core.training.packed.stack import Stack
from ser_core.training.phase import Phase, best_so_far
from tests.conftest import Configure

KNOBS = ("optim.pack=3", "optim.epochs=4", "optim.patience=1", "optim.learning_rate=0.05")
Events = list[Progress | PackEpoch | FoldResult]


def run(config: Config, inputs: Dataset, folds: list[int] | None = None) -> Events:
    return list(cross_validate(config, folds, planned=plan(config, dataset=inputs)))


def trained(events: Events) -> dict[int, bool]:
    return {event.record.key.fold: event.trained for event in events if isinstance(event, FoldResult)}


def content(config: Config, inputs: Dataset) -> dict[int, Any]:
    """What lies in the store, less times and the store's own place."""
    found = {}
    for key in RunStore(config.run.store).of_split(plan(config, dataset=inputs).folds.hash):
        place = RunStore(config.run.store).place(key)
        record = json.loads((place / "record.json").read_text())
        assert record.pop("seconds") > 0 and record.pop("spent")
        del record["config"]["run"]
        found[key.fold] = record, {file.name: file.read_bytes() for file in place.iterdir() if file.name != "record.json"}
    return found


def test_a_pack_is_trained_together_and_every_fold_reports(configure: Configure, inputs: Dataset) -> None:
    config = configure(*KNOBS)
    events = run(config, inputs)
    assert trained(events) == dict.fromkeys(range(1, 5), True)
    first = [event.fold for event in events if isinstance(event, Progress) and event.epoch == 1]
    assert first == [1, 2, 3, 4]
    records = [event.record for event in events if isinstance(event, FoldResult)]
    for record in records:
        reported = [e.dev for e in events if isinstance(e, Progress) and e.fold == record.key.fold]
        assert reported == [entry["dev"] for entry in record.epochs]
    assert not list(Path(config.run.store).rglob("*.state"))


def test_after_each_epoch_a_pack_says_how_its_folds_stand_together(configure: Configure, inputs: Dataset) -> None:
    config = configure("optim.pack=4", "optim.epochs=8", "optim.patience=1", "optim.learning_rate=0.3")
    events = run(config, inputs)
    courses = [best_so_far([entry["dev"] for entry in event.record.epochs]) for event in events if isinstance(event, FoldResult)]
    assert len(set(map(len, courses))) > 1  # some stop early, and count on with the best they had
    stands = [event for event in events if isinstance(event, PackEpoch)]
    assert [stand.epoch for stand in stands] == list(range(1, max(map(len, courses)) + 1))
    for stand in stands:
        bars = [course[min(stand.epoch, len(course)) - 1] for course in courses]
        assert stand.most == 8 and stand.dev == pytest.approx(sum(bars) / 4)


@pytest.mark.parametrize("fusion", ["concat", "self_attention"])
def test_a_fold_is_the_same_whether_one_is_asked_for_or_all(fusion: str, configure: Configure, inputs: Dataset) -> None:
    knobs = (*KNOBS, f"model.fusion={fusion}")
    every, one = (configure(*knobs, store=name) for name in ("every", "one"))
    run(every, inputs)
    assert trained(run(one, inputs, [2])) == {2: True}
    assert trained(run(one, inputs, [1, 3])) == {1: False, 3: False}
    whole, part = content(every, inputs), content(one, inputs)
    assert set(whole) == {1, 2, 3, 4} and set(part) == {1, 2, 3}
    assert part == {number: whole[number] for number in part}


def test_a_pack_is_another_experiment_than_folds_one_by_one(configure: Configure, inputs: Dataset) -> None:
    """Its sums have other last bits, so its records stand under a name of their own; what they say is the same."""
    packed, alone = configure("optim.pack=4"), configure()
    assert plan(packed, dataset=inputs).fingerprint != plan(alone, dataset=inputs).fingerprint
    results = [[event.record for event in run(config, inputs) if isinstance(event, FoldResult)] for config in (packed, alone)]
    for one, other in zip(*results, strict=True):
        assert one.chosen_epoch == other.chosen_epoch
        assert [pytest.approx(entry, rel=1e-3) for entry in one.epochs] == other.epochs


def test_asking_for_a_pack_in_vain_is_not_asking(configure: Configure, inputs: Dataset) -> None:
    asked, silent = (plan(configure("weighting=pcgrad", f"optim.pack={size}"), dataset=inputs) for size in (4, 1))
    assert asked.keys == silent.keys and asked.config == dataclasses.replace(silent.config, run=asked.config.run)
    assert "weighting=pcgrad" in asked.one_by_one and silent.one_by_one == ""


def test_what_is_recorded_meanwhile_stays_as_it_is(configure: Configure, inputs: Dataset) -> None:
    config = configure(*KNOBS)
    run(config, inputs, [1])
    planned = plan(config, dataset=inputs)
    place = RunStore(config.run.store).place(planned.key(2)) / "record.json"
    kept = place.stat().st_mtime_ns
    shutil.rmtree(RunStore(config.run.store).place(planned.key(1)))
    assert trained(run(config, inputs)) == {1: True, 2: False, 3: False, 4: True}
    assert place.stat().st_mtime_ns == kept


@pytest.mark.parametrize("fits", [2, 1])
def test_a_pack_that_memory_does_not_hold_is_trained_in_halves(
    fits: int, configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No GPU is at hand: its complaint is raised for stacks of more models than `fits`."""
    monkeypatch.setattr(Stack, "gradients", _full(Stack.gradients, fits))
    config = configure("optim.pack=4", "run.checkpoint_seconds=0")
    results = [event for event in run(config, inputs) if isinstance(event, FoldResult)]
    assert [event.record.spent["stacked"] for event in results] == [fits] * 4
    alone = [event.record for event in run(configure("optim.pack=1"), inputs) if isinstance(event, FoldResult)]
    assert [event.record.chosen_epoch for event in results] == [record.chosen_epoch for record in alone]
    assert not list(Path(config.run.store).rglob("*.state"))


def test_a_fold_that_memory_does_not_hold_is_a_sentence(
    configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "gradients", _full(Stack.gradients, 0))
    with pytest.raises(TrainingError, match=r"fold 1 could not .* lower optim\.batch.* \(nor could folds 2, 3, 4\)"):
        run(configure("optim.pack=4"), inputs)


@pytest.mark.parametrize("killed", [False, True])
def test_folds_that_diverge_leave_their_pack(
    killed: bool, configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are trained to the same last bit, whether or not the process died. Folds 1 and 2 have the same rows."""
    knobs = ("optim.pack=4", "optim.epochs=4", "optim.patience=4", "run.checkpoint_seconds=0")
    whole, config = configure(*knobs, store="whole"), configure(*knobs, store="killed" if killed else "not")
    rows = plan(config, dataset=inputs).folds.folds[1].train.tolist()
    monkeypatch.setattr(epochs, "_answer", _diverging(epochs._answer, rows))
    if killed:
        events = cross_validate(config, planned=plan(config, dataset=inputs))
        next(event for event in events if isinstance(event, Progress) and event.epoch == 3)
        events.close()  # type: ignore[attr-defined]
    for each in (whole, config):
        told: Events = []
        with pytest.raises(FoldsError, match=r"fold 1 could not be trained: it was made to \(nor could fold 2\)") as caught:
            told.extend(cross_validate(each, planned=plan(each, dataset=inputs)))
        assert list(caught.value.folds) == [1, 2]
    assert set(content(config, inputs)) == {3, 4} and content(config, inputs) == content(whole, inputs)
    assert not list(Path(config.run.store).rglob("*.state"))


def _diverging(answer: Callable[..., Any], rows: list[int]) -> Callable[..., Any]:
    def answered(phase: Phase, epoch: int, *given: Any) -> Any:
        return TrainingError("it was made to") if epoch == 2 and list(phase.rows) == rows else answer(phase, epoch, *given)

    return answered


def _full(gradients: Callable[..., Any], fits: int) -> Callable[..., Any]:
    def stepped(stack: Stack, count: int, *given: Any) -> Any:
        if count > fits:
            raise torch.OutOfMemoryError(f"{count} models")
        return gradients(stack, count, *given)

    return stepped


@pytest.mark.parametrize("when", ["third epoch", "second record"])
def test_a_killed_pack_goes_on_to_the_same_last_bit(
    when: str, configure: Configure, inputs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = (*KNOBS, "run.checkpoint_seconds=0", "folds.dev=speakers")
    whole, killed = (configure(*knobs, store=name) for name in ("whole", "killed"))
    told = run(whole, inputs, [1])
    if when == "third epoch":
        events = cross_validate(killed, [1], planned=plan(killed, dataset=inputs))
        next(event for event in events if isinstance(event, Progress) and event.epoch == 3)
        events.close()  # type: ignore[attr-defined]
    else:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(train_folds, "write_record", _dying(train_folds.write_record))
            run(killed, inputs, [1])
    there = set(content(killed, inputs))
    assert len(there) == (when == "second record")
    assert list(Path(killed.run.store).rglob(".fold-01.state"))
    events = run(killed, inputs, [1, 2, 3])
    assert trained(events) == {fold: fold not in there for fold in (1, 2, 3)}
    assert {event for event in events if isinstance(event, PackEpoch)} <= {
        event for event in told if isinstance(event, PackEpoch)
    }
    assert content(killed, inputs) == content(whole, inputs)


def _dying(write: Callable[..., None]) -> Callable[..., None]:
    written: list[int] = []

    def writing(planned: Any, fold: Fold, fitted: Fitted, *given: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(fold.number)
        write(planned, fold, fitted, *given)

    return writing
