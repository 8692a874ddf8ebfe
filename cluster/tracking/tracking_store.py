"""The tracking store: how to find it, create it safely, and report when it cannot be used.

MLflow creates a SQLite database with several seconds of migrations. If the process is killed meanwhile, or if two processes
create it at once, the database never opens again.
"""

import contextlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError

NO_ADDRESS = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""Characters that SQLAlchemy reads as the options of an address or as an escaped letter."""

LOCK = 7_356_471
"""Number of the lock that processes hold while they create MLflow's tables in Postgres."""


def tracking_uri(store: RunStore, configured: str) -> str:
    """Returns the configured address, or that of the SQLite database next to the records.

    Raises SettingError when the address cannot contain the folder's name.
    """
    if not configured and (sign := NO_ADDRESS.search(str(store.folder))):
        raise SettingError(
            f"{store.folder}: the address of MLflow's database cannot contain {sign[0]}; set run.store to a folder without it"
        )
    return configured or f"sqlite:///{store.folder / 'mlflow.db'}"


def store_exists(uri: str) -> bool:
    """Whether the store exists. A deleted SQLite file has lost everything that was shown."""
    file = _file(uri)
    return file is None or file.exists()


def open_client(uri: str) -> Any:
    """Returns a client of the tracking store. Only one process at a time creates the tables of a database."""
    import mlflow

    if file := _file(uri):
        with FileLock(file.with_name(f".{file.name}.lock")):
            if not file.exists():
                for left in file.parent.glob(f".{file.name}.draft-*"):
                    left.unlink()
                draft = file.with_name(f".{file.name}.draft-{uuid.uuid4().hex}")
                mlflow.MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments(max_results=1)
                draft.rename(file)
    with _alone(uri):
        # Two clients that create the tables of an empty Postgres at once both fail. A client creates them when it is made.
        return mlflow.MlflowClient(tracking_uri=uri)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Holds a lock of a Postgres database against other processes, on any machine; other stores need none here."""
    if not uri.startswith("postgresql"):
        yield
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    # The lock ends with the connection, also if this process is killed.
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"select pg_advisory_lock({LOCK})"))
        yield


def as_sentence(error: BaseException, uri: str) -> BaseException:
    """Turns errors of MLflow and the network into a RecordError with one sentence. Returns other errors unchanged."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, MlflowException | OSError | SQLAlchemyError):
        return error
    reason = str(error).strip().splitlines()[0][:300]
    damaged = "; if the file is damaged, move it away" if _file(uri) else ""
    return RecordError(
        f"MLflow at {uri} cannot be used ({reason}); the records are intact, so run the same command again to show them{damaged}"
    )


def _file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
