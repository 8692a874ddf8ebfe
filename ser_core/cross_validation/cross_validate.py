"""The entry point: `cross_validate(config)` trains the missing folds and yields progress and one result per fold.

    plan: corpus, features, folds, keys  ->  claimed? recorded? else fit and write the record (train_folds.py)  ->  yield
You may stop the generator at any yield. It needs no Ray, no Optuna and no MLflow.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence

import torch

from ser_core.config.tree import Config
from ser_core.cross_validation.events import FoldFailed, FoldResult, PackEpoch, Progress
from ser_core.cross_validation.plan import Plan, plan
from ser_core.cross_validation.records import RunStore
from ser_core.cross_validation.train_folds import Member, PlanEvent, train_within_memory
from ser_core.errors import FoldsError, SettingError, TrainingError


def cross_validate(
    config: Config, folds: Sequence[int] | None = None, store: RunStore | None = None, planned: Plan | None = None
) -> Iterator[Progress | PackEpoch | FoldResult]:
    """Trains the given folds (numbers from 1; all by default) that the store does not have yet.

    If another process is training a fold, this waits for it and reads the result; no fold is trained twice. With optim.pack,
    the folds of a pack are claimed and trained together, and all of them are recorded, even those you did not ask for. A pack
    that does not fit in GPU memory is trained in halves; its records show that (`spent`, `stacked`). Raises FoldsError, a
    TrainingError, after all other folds are done, if some folds cannot be trained.
    """
    planned = planned or plan(config)
    numbers = folds or range(1, len(planned.folds) + 1)
    failed: dict[int, str] = {}
    for _, event in cross_validate_many([(planned, numbers)], store or RunStore(config.run.store)):
        if not isinstance(event, FoldFailed):
            yield event
        elif isinstance(event.error, TrainingError):
            failed[event.fold] = str(event.error)
        else:
            raise event.error
    if failed:
        raise FoldsError(failed)


def cross_validate_many(wanted: Sequence[tuple[Plan, Sequence[int]]], store: RunStore) -> Iterator[PlanEvent]:
    """Does the same for folds of several plans. With optim.pack=0 they are trained as one program where possible.

    Yields each event with the number of its plan. Yields FoldFailed for a fold that fails and continues with the others.
    Raises SettingError for a fold that does not exist.
    """
    for planned, numbers in wanted:
        _check(planned, numbers)
    # The thread count belongs to the process, so all plans of a call share one.
    torch.set_num_threads(max(planned.config.run.threads for planned, _ in wanted))
    # optim.pack=0 stacks folds across plans. Any other number keeps to the fixed packs of each plan.
    free = [
        Member(which, planned, planned.folds.folds[number - 1])
        for which, (planned, numbers) in enumerate(wanted)
        for number in numbers
        if planned.config.optim.pack == 0
    ]
    if free:
        yield from _trained(free, [(each.which, each.fold.number) for each in free], store)
    for which, (planned, numbers) in enumerate(wanted):
        for asked in planned.packs(numbers) if planned.config.optim.pack else ():
            members = [Member(which, planned, fold) for fold in planned.pack(asked[0])]
            yield from _trained(members, [(which, number) for number in asked], store)


def _check(planned: Plan, numbers: Sequence[int]) -> None:
    for number in numbers:
        if not 1 <= number <= len(planned.folds):
            raise SettingError(f"there is no fold {number}: {planned.card['protocol']} has folds 1 to {len(planned.folds)}")


def _trained(members: Sequence[Member], asked: Collection[tuple[int, int]], store: RunStore) -> Iterator[PlanEvent]:
    """Claims the members, trains what is missing if any of it was asked for, and yields the results.

    All processes claim in the same order, so no two of them wait for each other.
    """
    left = {(each.which, each.fold.number): each for each in members}
    left = {place: left[place] for place in asked}
    try:
        with contextlib.ExitStack() as held:
            # A claim waits while another process trains the fold. Afterwards the fold has a record and is not missing.
            missing = {each.key for each in sorted(members, key=_order) if held.enter_context(store.claim(each.key))}
            if any(each.key in missing for each in left.values()):
                stacked = [Member(each.which, each.planned, each.fold, each.key in missing) for each in members]
                for which, event in train_within_memory(stacked, store):
                    if not isinstance(event, FoldResult | FoldFailed):
                        yield which, event
                        continue
                    if left.pop((which, event.fold), None):
                        yield which, event
    except Exception as error:
        # Folds recorded before the error are results. Only the others have failed.
        for (which, number), each in left.items():
            if each.key not in store:
                yield which, FoldFailed(number, error)
        left = {place: each for place, each in left.items() if each.key in store}
    for (which, _), each in left.items():
        yield which, FoldResult(store.load(each.key), trained=False)


def _order(member: Member) -> str:
    return str(member.key)
