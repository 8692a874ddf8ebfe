"""Trains many folds beside each other: those that are alike as one program, the others one by one.

    steps of each job --EpochRequest--> alike? --train_epochs--> means --> steps of each job --> EpochEnd, ..., Fitted
A job that has stopped is not due any more: the next epoch's stack is made without it. Whoever is trained anew on both parts
(optim.refit) is stacked with those that are not there yet. Equal to `fit` up to the last bits, which depend on what is stacked.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.errors import TrainingError
from ser_core.folds import Fold
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.epoch import train_epoch
from ser_core.training.fit import Fitted, Walk, steps
from ser_core.training.packed.compatibility import structure_of, why_not_packed
from ser_core.training.packed.epochs import train_epochs
from ser_core.training.packed.stack import Stack
from ser_core.training.stage_loop import EpochEnd, EpochRequest
from ser_core.training.train_state import TrainState


@dataclasses.dataclass(frozen=True)
class PackJob:
    """One fold to train."""

    config: Config
    """Settled, as plan() leaves it."""
    inputs: Dataset
    fold: Fold
    keeper: Checkpoint = dataclasses.field(default_factory=Checkpoint)


Answer = dict[str, float] | TrainingError
"""What became of an epoch of one job."""


@dataclasses.dataclass
class PackRound:
    """What became of the jobs in one epoch of each, by their numbers."""

    ends: dict[int, EpochEnd] = dataclasses.field(default_factory=dict)
    fitted: dict[int, Fitted] = dataclasses.field(default_factory=dict)
    failed: dict[int, TrainingError] = dataclasses.field(default_factory=dict)
    """What `fit` would raise. The others go on."""


def fit_packed(jobs: Sequence[PackJob]) -> Iterator[PackRound]:
    """Yields after an epoch of every job that is not done, and with each job once what `fit` returns or raises for it.

    At a yield with `ends` every job under way can be saved; what is done comes in a PackRound without. Jobs for which why_not has
    a sentence are trained one by one.
    """
    walks = {number: steps(job.config, job.inputs, job.fold, job.keeper) for number, job in enumerate(jobs)}
    stacks: dict[str, Stack] = {}
    named: dict[int, tuple[TrainState, str]] = {}
    while walks:
        dues, fitted = _until_due(walks)
        if fitted:
            yield PackRound(fitted=fitted)
        for number, due in dues.items():
            if number not in named or named[number][0] is not due.course:
                named[number] = due.course, _likeness(due)
        alike = {name: [number for number in dues if named[number][1] == name] for _, name in named.values()}
        answers: dict[int, Answer] = {}
        for name, numbers in alike.items():
            answers |= _trained([dues[number] for number in numbers], numbers, name, stacks)
        failed = {number: answer for number, answer in answers.items() if isinstance(answer, TrainingError)}
        for number in failed:
            walks.pop(number).close()
        answered = {number: answers[number] for number in dues if number not in failed}
        ends = {number: walks[number].send(answer) for number, answer in answered.items() if isinstance(answer, dict)}
        if answers:
            yield PackRound({number: end for number, end in ends.items() if isinstance(end, EpochEnd)}, failed=failed)


def _until_due(walks: dict[int, Walk]) -> tuple[dict[int, EpochRequest], dict[int, Fitted]]:
    """Takes every walk to its next epoch; those that end are taken out."""
    dues, fitted = {}, {}
    for number, walk in list(walks.items()):
        try:
            event = next(walk)
        except StopIteration as stop:
            fitted[number] = stop.value
            del walks[number]
            continue
        assert isinstance(event, EpochRequest), "after the end of an epoch comes another or none"
        dues[number] = event
    return dues, fitted


def _likeness(due: EpochRequest) -> str:
    """What a job is stacked by; "" for one that is trained alone."""
    return "" if why_not_packed(due.config, due.inputs) else structure_of(due.config, due.inputs, due.course.model)


def _trained(dues: Sequence[EpochRequest], numbers: Sequence[int], name: str, stacks: dict[str, Stack]) -> dict[int, Answer]:
    """The means of an epoch of jobs that are alike; keeps their stack for the next."""
    if not dues or not name:
        if name in stacks:
            stacks.pop(name).release()
        return {number: _alone(due) for number, due in zip(numbers, dues, strict=True)}
    stacks[name], means = train_epochs(stacks.get(name), dues)
    return dict(zip(numbers, means, strict=True))


def _alone(due: EpochRequest) -> Answer:
    try:
        return train_epoch(due.config, due.inputs, due.course, due.epoch, due.monitor)
    except TrainingError as error:
        return error
