"""The seam: `cross_validate(config)` trains the folds that are missing and yields progress and one result per fold.

    plan (plan.py): corpus, features, folds, keys  ->  for each fold: claimed? recorded? else fit, write (written.py)  ->  yield
Whoever consumes the generator may stop at any yield. It needs no Ray, no Optuna and no MLflow.
"""

import contextlib
import dataclasses
import time
from collections.abc import Collection, Iterator, Sequence

import torch

from ser_core import spending
from ser_core.channels import device_of
from ser_core.config import Config
from ser_core.errors import SettingError, TrainingError
from ser_core.fit import Fitted, fit
from ser_core.folds import Fold
from ser_core.keeper import Keeper
from ser_core.many import Job, fit_many
from ser_core.many.lane import Lane, kept, taken_up
from ser_core.passage import bests
from ser_core.plan import Plan, plan
from ser_core.records import FoldRecord, RunStore
from ser_core.written import written


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a fold stands: its number, the epoch, the development score, and the share of its epochs spent."""

    fold: int
    epoch: int
    dev: float
    spent: float


@dataclasses.dataclass(frozen=True)
class PackEpoch:
    """Where folds that train as one program stand together, after an epoch of each that has not stopped.

    `dev` is the mean over them of what an epoch is chosen by, the greatest running mean of development scores so far.
    """

    epoch: int
    most: int
    """Epochs that there can be."""
    dev: float


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A fold that is done: its development part (the test part stays in the store), and whether it was trained now."""

    record: FoldRecord
    trained: bool


def cross_validate(
    config: Config, folds: Sequence[int] | None = None, store: RunStore | None = None, planned: Plan | None = None
) -> Iterator[Progress | PackEpoch | FoldResult]:
    """Trains the given folds (numbers from 1; all by default) as far as the store lacks them.

    A fold that another process is training is waited for and then read, never trained twice. With optim.pack the folds of a
    pack are claimed and trained together, and all recorded, even those that are not asked for; one that the memory of a GPU does
    not hold is trained in halves, which its records say (`spent`, `stacked`). Raises TrainingError from
    a fold that cannot be trained; the folds that were done before are recorded.
    """
    planned = planned or plan(config)
    store = store or RunStore(config.run.store)
    torch.set_num_threads(config.run.threads)
    now: set[int] = set()
    for number in folds or range(1, len(planned.folds) + 1):
        if not 1 <= number <= len(planned.folds):
            raise SettingError(f"there is no fold {number}: {planned.card['protocol']} has folds 1 to {len(planned.folds)}")
        with contextlib.ExitStack() as held:
            pack = planned.pack(number)
            missing = {fold.number for fold in pack if held.enter_context(store.claim(planned.key(fold.number)))}
            if number in missing:
                yield from _within_memory(planned, pack, missing, store)
                now |= missing
        yield FoldResult(store.load(planned.key(number)), trained=number in now)


def _within_memory(
    planned: Plan, pack: Sequence[Fold], missing: Collection[int], store: RunStore
) -> Iterator[Progress | PackEpoch]:
    """Trains the missing folds of a pack, in halves where the GPU's memory does not hold it as a whole.

    Raises TrainingError where it does not hold a single fold.
    """
    try:
        together = planned.config.optim.pack > 1
        yield from _train_pack(planned, pack, missing, store) if together else _train(planned, pack[0], store)
        return
    except torch.OutOfMemoryError as error:
        if len(pack) == 1:
            raise TrainingError(
                f"fold {pack[0].number} does not fit into the GPU's memory; lower optim.batch (optim.accumulate makes up for "
                "it), set model.speech.checkpointing=true, or give trials a larger share with cluster.gpus_per_trial"
            ) from error
    Keeper(store.state_place(planned.key(pack[0].number))).forget()
    torch.cuda.empty_cache()
    middle = (len(pack) + 1) // 2
    for half in (pack[:middle], pack[middle:]):
        left = {fold.number for fold in half if fold.number in missing and planned.key(fold.number) not in store}
        if left:
            yield from _within_memory(planned, half, left, store)


def _train_pack(planned: Plan, pack: Sequence[Fold], missing: Collection[int], store: RunStore) -> Iterator[Progress | PackEpoch]:
    """Trains the folds of a pack as one program and writes the missing records as folds are done.

    A fold whose record is there is stacked all the same, from the last saved state on: without it the others would come out
    with other last bits.
    """
    config, device = planned.config, device_of(planned.config)
    lanes = {fold.number: Lane() for fold in pack}
    keeper = Keeper(store.state_place(planned.key(pack[0].number)), config.run.checkpoint_seconds)
    taken_up(keeper, lanes, device)
    scores = {number: lane.development_scores() for number, lane in lanes.items()}
    spending.begun(device)
    begun = time.monotonic()
    for each in fit_many([Job(config, planned.inputs, fold, lanes[fold.number]) for fold in pack]):
        for index in each.ends:
            lanes[pack[index].number].worked += (time.monotonic() - begun) / len(each.ends)
        for index, fitted in each.fitted.items():
            if pack[index].number in missing:
                written(planned, pack[index], fitted, store, lanes[pack[index].number].spent, len(pack))
        if each.ends:
            kept(keeper, lanes)
        judged = {pack[index].number: end for index, end in each.ends.items() if not end.refit}
        for number, end in judged.items():
            scores[number].append(end.dev)
            yield Progress(number, end.epoch, end.dev, end.spent)
        if judged:
            bars = [bests(found)[-1] for found in scores.values()]
            yield PackEpoch(max(map(len, scores.values())), config.stage_plans()[0].epochs, sum(bars) / len(bars))
        begun = time.monotonic()
    keeper.forget()


def _train(planned: Plan, fold: Fold, store: RunStore) -> Iterator[Progress]:
    """Trains one fold and writes its record."""
    config = planned.config
    keeper = Keeper(store.state_place(planned.key(fold.number)), config.run.checkpoint_seconds)
    spending.begun(device_of(config))
    training = fit(config, planned.inputs, fold, keeper)
    while True:
        try:
            end = next(training)
        except StopIteration as stop:
            fitted: Fitted = stop.value
            break
        yield Progress(fold.number, end.epoch, end.dev, end.spent)
    written(planned, fold, fitted, store, keeper.spent)
    keeper.forget()
