"""How many folds train side by side: folds with the same structure as one program, the others one by one.

    each fold to its next epoch --> same structure? --train_epochs--> means of each --> EpochEnd, ..., Fitted
The loop is that of `fit`, one epoch of every fold at a time. When a fold stops, it leaves the stack, and a new stack is built.
Folds that are retrained on both parts (optim.refit) share the stack with folds that are still in their first phase. Results equal
those of `fit` except for the last bits, which depend on what is stacked.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.errors import TrainingError
from ser_core.folds import Fold
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.epoch import train_epoch
from ser_core.training.fit import Fitted, first_phase, fitted_by, refit_phase, refitted
from ser_core.training.packed.compatibility import structure_of, why_not_packed
from ser_core.training.packed.epochs import train_epochs
from ser_core.training.packed.stack import Stack
from ser_core.training.phase import EpochEnd, Phase
from ser_core.training.train_state import TrainState


@dataclasses.dataclass(frozen=True)
class PackJob:
    """One fold to train."""

    config: Config
    """Settled, as plan() returns it."""
    dataset: Dataset
    fold: Fold
    checkpoint: Checkpoint = dataclasses.field(default_factory=Checkpoint)


Answer = dict[str, float] | TrainingError
"""Result of an epoch of one job: the means of its losses, or the reason it failed."""


@dataclasses.dataclass
class PackRound:
    """Results of one epoch of every job, by job number."""

    ends: dict[int, EpochEnd] = dataclasses.field(default_factory=dict)
    fitted: dict[int, Fitted] = dataclasses.field(default_factory=dict)
    failed: dict[int, TrainingError] = dataclasses.field(default_factory=dict)
    """Errors that `fit` would raise. The other jobs continue."""


class FoldTraining:
    """A job in training: its current phase, and its result when it is done."""

    def __init__(self, job: PackJob) -> None:
        self.job = job
        self.phase = first_phase(job.config, job.dataset, job.fold, job.checkpoint)
        self.fitted: Fitted | None = None
        self.in_stage = False
        self._named: tuple[TrainState | None, str] = (None, "")

    def reach_epoch(self) -> bool:
        """Advances to the next epoch to train, across ends of stages and phases. Returns False when the fold is done."""
        while True:
            if not self.in_stage:
                self.in_stage = self.phase.begin_stage()
            if self.in_stage and self.phase.goes_on():
                return True
            if self.in_stage:
                self.phase.end_stage()
                self.in_stage = False
            elif not self._next_phase():
                return False

    def _next_phase(self) -> bool:
        if self.fitted:
            self.fitted = refitted(self.fitted, self.phase)
            return False
        self.fitted = fitted_by(self.phase)
        again = refit_phase(self.phase, self.job.fold)
        self.phase = again or self.phase
        return again is not None

    @property
    def structure(self) -> str:
        """Returns the structure by which the fold is stacked in this stage; "" for a fold that is trained alone."""
        state, name = self._named
        # Each stage has a new state. Compute the structure once per stage, because it walks over all parameters.
        if state is not self.phase.state:
            config, dataset = self.phase.config, self.phase.stage_dataset
            name = "" if why_not_packed(config, dataset) else structure_of(config, dataset, self.phase.model)
            self._named = self.phase.state, name
        return name


def fit_packed(jobs: Sequence[PackJob]) -> Iterator[PackRound]:
    """Yields after an epoch of every unfinished job, and yields once per job what `fit` would return or raise for it.

    At a yield with `ends`, every running job can be saved; finished jobs arrive in a PackRound without `ends`. Jobs for which
    why_not_packed returns a reason are trained one by one.
    """
    trainings = {number: FoldTraining(job) for number, job in enumerate(jobs)}
    stacks: dict[str, Stack] = {}
    while trainings:
        done = [number for number, training in trainings.items() if not training.reach_epoch()]
        fitted = {number: trainings.pop(number).fitted for number in done}
        if fitted:
            yield PackRound(fitted={number: result for number, result in fitted.items() if result})
        # Include structures that no fold has any more, so that their stacks are released.
        groups: dict[str, list[int]] = {name: [] for name in stacks}
        for number, training in trainings.items():
            groups.setdefault(training.structure, []).append(number)
        answers: dict[int, Answer] = {}
        for name, numbers in groups.items():
            answers |= _train_group([trainings[number].phase for number in numbers], numbers, name, stacks)
        failed = {number: answer for number, answer in answers.items() if isinstance(answer, TrainingError)}
        ends = {}
        for number in [number for number in trainings if number not in failed]:
            phase, answer = trainings[number].phase, answers[number]
            assert isinstance(answer, dict)
            ends[number] = phase.end_epoch(answer)
            phase.checkpoint.save(phase.name, phase.snapshot)
        for number in failed:
            del trainings[number]
        if answers:
            yield PackRound(ends, failed=failed)


def _train_group(phases: Sequence[Phase], numbers: Sequence[int], name: str, stacks: dict[str, Stack]) -> dict[int, Answer]:
    """Trains an epoch of folds with one structure, returns their means, and keeps their stack for the next epoch."""
    # No name: these folds cannot be stacked. No phases: the last fold of this structure has finished.
    if not phases or not name:
        if name in stacks:
            stacks.pop(name).release()
        return {number: _train_alone(phase) for number, phase in zip(numbers, phases, strict=True)}
    stacks[name], means = train_epochs(stacks.get(name), phases)
    return dict(zip(numbers, means, strict=True))


def _train_alone(phase: Phase) -> Answer:
    try:
        return train_epoch(phase.config, phase.stage_dataset, phase.state, phase.start_epoch(), phase.monitors)
    except TrainingError as error:
        return error
