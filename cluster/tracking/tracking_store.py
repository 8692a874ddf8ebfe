"""The tracking store: which one, how it is made, and what is said when it cannot be used.

MLflow makes a SQLite database in seconds of migrations; one killed half-way, or made by two at once, never opens again.
"""

import re
import uuid
from pathlib import Path
from typing import Any

from filelock import FileLock

from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError

NO_ADDRESS = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""What SQLAlchemy takes for the options of an address, or for an escaped letter."""


def tracking_uri(store: RunStore, configured: str) -> str:
    """The configured address, or the SQLite database beside the records.

    Raises SettingError for a folder that no such address can name.
    """
    if not configured and (sign := NO_ADDRESS.search(str(store.folder))):
        raise SettingError(
            f"{store.folder}: the address of MLflow's database cannot hold {sign[0]}; give run.store a folder without it"
        )
    return configured or f"sqlite:///{store.folder / 'mlflow.db'}"


def store_exists(uri: str) -> bool:
    """Whether the store can hold anything yet: a SQLite file that is gone has forgotten everything."""
    file = _file(uri)
    return file is None or file.exists()


def open_client(uri: str) -> Any:
    """A client of that tracking store. A SQLite database that is not there yet is made by one process, whole or not at all."""
    import mlflow

    if file := _file(uri):
        with FileLock(file.with_name(f".{file.name}.lock")):
            if not file.exists():
                for left in file.parent.glob(f".{file.name}.draft-*"):
                    left.unlink()
                draft = file.with_name(f".{file.name}.draft-{uuid.uuid4().hex}")
                mlflow.MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments(max_results=1)
                draft.rename(file)
    return mlflow.MlflowClient(tracking_uri=uri)


def as_sentence(error: BaseException, uri: str) -> BaseException:
    """MLflow's and the network's complaints as a sentence; a defect stays what it is."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, MlflowException | OSError | SQLAlchemyError):
        return error
    reason = str(error).strip().splitlines()[0][:300]
    damaged = "; if the file is damaged, move it away" if _file(uri) else ""
    return RecordError(
        f"MLflow at {uri} cannot be used ({reason}); the records are whole, and the same command shows them{damaged}"
    )


def _file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
