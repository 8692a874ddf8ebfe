"""How claimed folds are trained, alone or as one program, and recorded when they are done.

    members --train_within_memory--> as one, or in halves --fit_packed--> events    alone (pack=1)  fixed (2, 3, ...)  free (0)
A fixed pack is always trained with all its folds, because the stacked folds decide the last bits. It resumes from one
checkpoint of all its folds. A free pack stacks all folds that are available, and each fold resumes from its own checkpoint.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from ser_core.cross_validation import resource_usage
from ser_core.cross_validation.events import Event, FoldFailed, FoldResult, PackEpoch, Progress
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.cross_validation.write_record import write_record
from ser_core.dataset.channels import device_of
from ser_core.errors import TrainingError
from ser_core.folds import Fold
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.fit import Fitted, fit
from ser_core.training.packed import PackJob, fit_packed
from ser_core.training.packed.pack_checkpoint import FoldCheckpoint, load_pack, save_pack
from ser_core.training.phase import EpochEnd, best_so_far

C = TypeVar("C", bound=Checkpoint)

PlanEvent = tuple[int, Event]
"""An event, and the number of its plan."""


@dataclasses.dataclass(frozen=True)
class Member:
    """One of the folds that are trained together."""

    which: int
    """Number of its plan."""
    planned: Plan
    fold: Fold
    missing: bool = True
    """Whether a record is to be written. A recorded fold is trained again only to keep the last bits of the others."""

    @property
    def key(self) -> FoldKey:
        return self.planned.key(self.fold.number)

    def checkpoint(self, store: RunStore, kind: type[C]) -> C:
        """Returns the checkpoint of this fold in the store."""
        seconds = self.planned.config.run.checkpoint_seconds
        return kind(store.state_place(self.key), seconds, functools.partial(store.on_state, self.key))


def train_within_memory(members: Sequence[Member], store: RunStore) -> Iterator[PlanEvent]:
    """Trains the missing folds of similar members, in halves if they do not fit in GPU memory; yields failures as events."""
    train = {0: _free, 1: _alone}.get(members[0].planned.config.optim.pack, _fixed)
    try:
        yield from train(members, store)
        return
    except torch.OutOfMemoryError as error:
        if len(members) == 1:
            sentence = (
                "the fold does not fit in GPU memory; lower optim.batch (optim.accumulate compensates), set "
                "model.speech.checkpointing=true, or give trials a larger share with cluster.gpus_per_trial"
            )
            failure = TrainingError(sentence)
            failure.__cause__ = error
            yield members[0].which, FoldFailed(members[0].fold.number, failure)
            return
    # Retry outside the except block, whose traceback keeps the tensors of the failed attempt alive.
    torch.cuda.empty_cache()
    middle = (len(members) + 1) // 2
    for half in (members[:middle], members[middle:]):
        # Some folds may have finished before memory ran out.
        left = [dataclasses.replace(each, missing=each.missing and each.key not in store) for each in half]
        if any(each.missing for each in left):
            yield from train_within_memory(left, store)


def _alone(members: Sequence[Member], store: RunStore) -> Iterator[PlanEvent]:
    """Trains one fold."""
    (member,) = members
    planned, fold, checkpoint = member.planned, member.fold, member.checkpoint(store, Checkpoint)
    resource_usage.start_measuring(device_of(planned.config))
    training = fit(planned.config, planned.dataset, fold, checkpoint)
    while True:
        try:
            end = next(training)
        except StopIteration as stop:
            fitted: Fitted = stop.value
            break
        except TrainingError as error:
            yield member.which, FoldFailed(fold.number, error)
            return
        yield member.which, Progress(fold.number, end.epoch, end.dev, end.spent)
    write_record(planned, fold, fitted, store, checkpoint.spent)
    checkpoint.delete()
    yield member.which, FoldResult(store.load(member.key), trained=True)


def _fixed(members: Sequence[Member], store: RunStore) -> Iterator[PlanEvent]:
    """Trains a pack of one plan, from the last checkpoint of all its folds."""
    config, which = members[0].planned.config, members[0].which
    checkpoint, checkpoints = members[0].checkpoint(store, Checkpoint), {each.fold.number: FoldCheckpoint() for each in members}
    load_pack(checkpoint, checkpoints, device_of(config))
    scores = {number: own.development_scores() for number, own in checkpoints.items()}
    try:
        for events in _together(members, list(checkpoints.values()), store, lambda: save_pack(checkpoint, checkpoints)):
            yield from events
            progress = [event for _, event in events if isinstance(event, Progress)]
            for event in progress:
                scores[event.fold].append(event.dev)
            running = [found for number, found in scores.items() if found and not checkpoints[number].failure]
            if progress and running:
                bars = [best_so_far(found)[-1] for found in running]
                yield which, PackEpoch(max(map(len, running)), config.stage_plans()[0].epochs, sum(bars) / len(bars))
    except torch.OutOfMemoryError:
        # The halves are other stacks with other last bits, so they must not resume from this state.
        checkpoint.delete()
        raise
    checkpoint.delete()


def _free(members: Sequence[Member], store: RunStore) -> Iterator[PlanEvent]:
    """Trains folds of any plans, each from its own last checkpoint."""
    missing = [each for each in members if each.missing]
    checkpoints = [each.checkpoint(store, FoldCheckpoint) for each in missing]
    for events in _together(missing, checkpoints, store):
        yield from events


def _together(
    members: Sequence[Member], checkpoints: Sequence[FoldCheckpoint], store: RunStore, save: Callable[[], None] = lambda: None
) -> Iterator[list[PlanEvent]]:
    """Trains members as one program and yields the events after an epoch of each. Calls `save` before each yield."""
    pairs = list(zip(members, checkpoints, strict=True))
    yield [(member.which, FoldFailed(member.fold.number, TrainingError(own.failure))) for member, own in pairs if own.failure]
    pairs = [(member, own) for member, own in pairs if not own.failure]
    resource_usage.start_measuring(device_of(members[0].planned.config))
    begun = time.monotonic()
    for each in fit_packed([PackJob(member.planned.config, member.planned.dataset, member.fold, own) for member, own in pairs]):
        for index in each.ends:
            # All folds of the stack share the time of an epoch equally.
            pairs[index][1].worked += (time.monotonic() - begun) / len(each.ends)
        events = [_done(*pairs[index], fitted, store, len(members)) for index, fitted in each.fitted.items()]
        events += [_failed(*pairs[index], error) for index, error in each.failed.items()]
        events += [_progress(pairs[index][0], end) for index, end in each.ends.items() if not end.refit]
        # A round with finished folds ends no epoch, so there is no new state to save.
        if not each.fitted:
            save()
        yield [(which, event) for which, event in events if event]
        # After the yield: the time that the caller takes is not training time.
        begun = time.monotonic()


def _done(member: Member, own: FoldCheckpoint, fitted: Fitted, store: RunStore, stacked: int) -> tuple[int, FoldResult | None]:
    """Writes the record of a fold that does not have one yet."""
    if member.missing:
        write_record(member.planned, member.fold, fitted, store, own.spent, stacked)
    own.delete()
    return member.which, FoldResult(store.load(member.key), trained=True) if member.missing else None


def _progress(member: Member, end: EpochEnd) -> PlanEvent:
    return member.which, Progress(member.fold.number, end.epoch, end.dev, end.spent)


def _failed(member: Member, own: FoldCheckpoint, error: TrainingError) -> PlanEvent:
    own.failure = str(error)
    own.delete()
    return member.which, FoldFailed(member.fold.number, error)
