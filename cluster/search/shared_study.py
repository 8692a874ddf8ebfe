"""Runs a search with one driver, or with several that share suggestions through a Postgres database.

    SoleDriver    Optuna's study in the memory of this process, a projection of the records
    SharedStudy   Optuna's study in the database · study.json merged under a lock · records in the store that all drivers see
A driver holds a file lock while it lives. Trials of a dead driver are marked as failed and suggested again.
"""

import contextlib
import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from cluster.study_record import Ended, StudyRecord, find_study
from cluster.trial import Trial
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

SCHEMES = ("postgresql", "postgresql+psycopg")


class Progress(Protocol):
    """Progress of a search: its suggestions, its trials, and how they ended."""

    study: "Study"
    trials: dict[str, Trial]
    asked: list[dict[str, Any]]
    ended: dict[str, Ended]
    trained: dict[str, list[int]]

    def absorb(self, others: StudyRecord, running: Set[str]) -> None:
        """Adds the progress of other drivers. `running` are the trials that they are training."""
        ...


class Drivers(Protocol):
    """Coordinates the drivers of a search."""

    several: bool
    """Whether other drivers may exist."""
    number: int
    """Number of this driver, from 1. It determines the sampler's seed."""

    def study(self, objectives: int, sampler: "BaseSampler") -> "Study":
        """Creates or joins Optuna's study."""
        ...

    def turn(self, source: Progress) -> contextlib.AbstractContextManager[None]:
        """Locks the search. On entry the source gets the progress of other drivers; on exit it shares its own."""
        ...

    def claim(self, asked: "OptunaTrial", name: str) -> bool:
        """Claims this configuration for this driver. Returns False when another driver is training it."""
        ...

    def left(self, study: "Study") -> list[dict[str, Any]]:
        """Returns the answers that dead drivers were training, so that they can be enqueued again."""
        ...


class SoleDriver:
    """The only driver of a search."""

    several, number = False, 1

    def study(self, objectives: int, sampler: "BaseSampler") -> "Study":
        import optuna
        from optuna.study import StudyDirection

        return optuna.create_study(directions=[StudyDirection.MAXIMIZE] * objectives, sampler=sampler)

    def turn(self, source: Progress) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def claim(self, asked: "OptunaTrial", name: str) -> bool:
        return True

    def left(self, study: "Study") -> list[dict[str, Any]]:
        return []


class SharedStudy:
    """One of several drivers of the search in `record`. Pass an address that `check_storage` returned."""

    several = True

    def __init__(self, address: str, record: StudyRecord, store: RunStore) -> None:
        self.address, self.record, self.store = address, record, store
        self.folder = record.folder(store) / "drivers"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(self.folder / "turn.lock")
        self.name = uuid.uuid4().hex
        self.number, self._seat = self._seated()

    def study(self, objectives: int, sampler: "BaseSampler") -> "Study":
        """Creates or joins Optuna's study. Raises RecordError when the database cannot be used."""
        import optuna
        from optuna.storages import RDBStorage
        from optuna.study import StudyDirection
        from sqlalchemy.pool import NullPool  # no connection stays open between turns, so none can go stale

        with self.lock, database_errors(self.address):
            storage = RDBStorage(_dialect(self.address), engine_kwargs={"poolclass": NullPool})
            return optuna.create_study(
                storage=storage,
                study_name=self.record.id,
                load_if_exists=True,
                directions=[StudyDirection.MAXIMIZE] * objectives,
                sampler=sampler,
            )

    @contextlib.contextmanager
    def turn(self, source: Progress) -> Iterator[None]:
        """Locks the search and merges the progress of all drivers. Raises RecordError when the database cannot be used."""
        with self.lock, database_errors(self.address):
            others = find_study(self.store, self.record.id)
            if others:
                merge_into_record(self.record, others.trials, others.asked, others.ended, others.trained)
                running = {trial.user_attrs.get("configuration", "") for trial in _running(source.study) if self._lives(trial)}
                source.absorb(others, running)
            yield
            save_progress(self.record, source, self.store)

    def claim(self, asked: "OptunaTrial", name: str) -> bool:
        busy = any(trial.user_attrs.get("configuration") == name and self._lives(trial) for trial in _running(asked.study))
        notes = {"driver": self.number, "seat": self.name, "configuration": "" if busy else name}
        for key, value in notes.items():
            asked.set_user_attr(key, value)
        return not busy

    def left(self, study: "Study") -> list[dict[str, Any]]:
        """Marks the trials that dead drivers were training as failed, and returns their answers."""
        from optuna.trial import TrialState

        found = [trial for trial in _running(study) if not self._lives(trial)]
        for trial in found:
            study.tell(trial.number, state=TrialState.FAIL)
        return [trial.params for trial in found]

    def _lives(self, trial: "FrozenTrial") -> bool:
        """Whether the driver that claimed this trial still holds its lock. The system frees the locks of dead processes."""
        number, name = trial.user_attrs.get("driver", 0), trial.user_attrs.get("seat", "")
        if number in (0, self.number):
            return name == self.name
        seat = FileLock(self._place(number))
        try:
            seat.acquire(timeout=0)
        except Timeout:
            # A driver holds this number, but it may be a new one that took the number over from a dead one.
            return self._place(number).with_suffix(".name").read_text() == name
        # We got the lock, so the process that held it is gone.
        seat.release()
        return False

    def _seated(self) -> tuple[int, FileLock]:
        """Returns the first free driver number and the lock that holds it until this process ends."""
        with self.lock:
            for number in itertools.count(1):
                seat = FileLock(self._place(number))
                with contextlib.suppress(Timeout):
                    seat.acquire(timeout=0)
                    self._place(number).with_suffix(".name").write_text(self.name)
                    return number, seat
        raise AssertionError("unreachable: the count is infinite")

    def _place(self, number: int) -> Path:
        return self.folder / f"driver-{number}.lock"


def _running(study: "Study") -> "list[FrozenTrial]":
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def save_progress(record: StudyRecord, source: Progress, store: RunStore) -> None:
    """Saves a search's trials, suggestions and endings as they arrive, so that a kill loses nothing."""
    resumed = [name for name in record.ended if name in source.trials and name not in source.ended]
    for name in resumed:  # a larger budget has resumed it
        del record.ended[name]
    grown = merge_into_record(record, source.trials.values(), source.asked, source.ended, source.trained)
    if resumed or grown or not (record.folder(store) / "study.json").exists():
        record.save(store)


def merge_into_record(
    record: StudyRecord,
    trials: Iterable[Trial],
    asked: Iterable[dict[str, Any]],
    ended: Mapping[str, Ended],
    trained: Mapping[str, Sequence[int]],
) -> bool:
    """Adds new entries to a record and returns whether anything was new."""
    known = {trial.keys[0] for trial in record.trials}
    new_trials = [trial for trial in list(trials) if trial.keys[0] not in known]
    known_answers = {repr(answers) for answers in record.asked}
    new_answers = [answers for answers in list(asked) if repr(answers) not in known_answers]
    new_endings = {name: end for name, end in ended.items() if record.ended.get(name) != end}
    folds = {name: sorted({*record.trained.get(name, ()), *found}) for name, found in trained.items()}
    new_folds = {name: found for name, found in folds.items() if found != record.trained.get(name)}
    record.trials.extend(new_trials)
    record.asked.extend(new_answers)
    record.ended.update(new_endings)
    record.trained.update(new_folds)
    return bool(new_trials or new_answers or new_endings or new_folds)


def check_storage(address: str) -> str:
    """Returns the address of a Postgres database. Raises SettingError for other schemes, and if it contains a password."""
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES:
        raise SettingError(
            f"--storage {parts.scheme or address}: several drivers need a Postgres database, postgresql://USER@HOST/DATABASE; "
            "a single driver needs none, since it rebuilds the search from the records"
        )
    if parts.password:
        raise SettingError("--storage: other users can see a password on the command line; put it into PGPASSWORD or ~/.pgpass")
    return address


@contextlib.contextmanager
def database_errors(address: str) -> Iterator[None]:
    """Turns database errors into a RecordError that says the records are safe."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ or error
        reason = str(cause).strip().splitlines()[0][:300]
        raise RecordError(
            f"--storage {address} cannot be used ({reason}); the records are intact, so run the same command again to continue"
        ) from error


def _dialect(address: str) -> str:
    """Returns the address with the name of the installed database driver."""
    return address.replace("postgresql://", "postgresql+psycopg://", 1)
