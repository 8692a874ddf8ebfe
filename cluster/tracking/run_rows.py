"""Writes many MLflow runs at once: as rows of its database in one transaction, or by requests to its server.

    [RunRow, RunRow, ...]  --DatabaseRuns-->  runs, tags, params, metrics, latest_metrics     sqlite:, postgresql:
                           --ServerRuns---->  create_run, log_batch, update_run per run       http:, and all other addresses
MLflow's client takes 20 ms and six transactions for a fold on SQLite; a batch takes about 2 ms a fold. A test compares the rows
with those of the client, so a version of MLflow with other tables is noticed.
"""

import dataclasses
import math
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

Point = tuple[str, float, int]
"""Name, value and step of a metric."""
TERMINAL = {"FINISHED", "FAILED", "KILLED"}
MOST_METRICS, MOST_PARAMETERS = 1000, 100
"""What a server takes in one request."""
CONNECTIONS = 8
"""Requests to a server at the same time: it answers several faster than one after the other."""


def mlflow_name(metric: str) -> str:
    """Returns a metric name that MLflow accepts: `@` becomes " at ", other invalid characters become their hex code.

    >>> mlflow_name("test.uar@text_only")
    'test.uar at text_only'
    >>> mlflow_name("test.recall.anger"), mlflow_name("test.recall.joy & love/like")
    ('test.recall.anger', 'test.recall.joy _26_ love_2f_like')
    """
    return re.sub(r"[^\w.\- ]", lambda sign: f"_{ord(sign.group()):x}_", metric.replace("@", " at "))


@dataclasses.dataclass
class RunRow:
    """A run as it should be. Writing it again adds its metrics and sets its status; names, tags and parameters stay."""

    key: str
    """Value of its tag `ser.key`."""
    tags: Mapping[str, str]
    status: str
    metrics: Sequence[Point] = ()
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    run: str = ""
    """Run id; empty for a new run, until it is written."""

    @property
    def points(self) -> list[Point]:
        """Metrics under names that MLflow accepts, without NaN and infinity, which it cannot store."""
        return [(mlflow_name(name), value, step) for name, value, step in self.metrics if math.isfinite(value)]

    @property
    def shown_parameters(self) -> list[tuple[str, str]]:
        return [(name, value[:6000]) for name, value in list(self.parameters.items())[:MOST_PARAMETERS]]


@dataclasses.dataclass(frozen=True)
class KnownRun:
    """A run that MLflow shows already."""

    key: str
    kind: str
    run: str
    status: str


class Runs(Protocol):
    """The runs of an experiment."""

    def known(self, study: str) -> Iterator[KnownRun]:
        """Returns the runs of a study that are not deleted."""
        ...

    def write(self, rows: Sequence[RunRow]) -> None:
        """Writes these runs and sets the ids of new ones."""
        ...


def open_runs(client: Any, uri: str, experiment: str) -> Runs:
    """Returns the fastest way to write to this address."""
    database = uri.startswith(("sqlite:///", "postgresql:", "postgresql+"))
    return DatabaseRuns(client, uri, experiment) if database else ServerRuns(client, experiment)


class ServerRuns:
    """Runs behind an MLflow server, or in a database that only MLflow's client can write."""

    def __init__(self, client: Any, experiment: str) -> None:
        self.client, self.experiment = client, experiment
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="tracking")

    def known(self, study: str) -> Iterator[KnownRun]:
        token = None
        while True:
            page = self.client.search_runs([self.experiment], f"tags.`ser.study` = '{study}'", page_token=token)
            for run in page:
                tags = run.data.tags
                yield KnownRun(tags["ser.key"], tags.get("ser.kind", ""), run.info.run_id, run.info.status)
            token = page.token
            if not token:
                return

    def write(self, rows: Sequence[RunRow]) -> None:
        for _ in self._pool.map(self._write, rows):
            pass

    def _write(self, row: RunRow) -> None:
        """Sends a run with at most three requests; its last one makes a new run FINISHED, so a half-written one shows."""
        from mlflow.entities import Metric, Param

        new, now = not row.run, int(time.time() * 1000)
        if new:
            row.run = self.client.create_run(self.experiment, tags=dict(row.tags)).info.run_id
        points = [Metric(name, value, now, step) for name, value, step in row.points]
        parameters = [Param(name, value) for name, value in row.shown_parameters] if new else []
        for start in range(0, max(len(points), len(parameters)), MOST_METRICS):
            batch = points[start : start + MOST_METRICS]
            self.client.log_batch(row.run, metrics=batch, params=parameters if start == 0 else [])
        if row.status in TERMINAL:
            self.client.set_terminated(row.run, row.status)
        elif not new:
            self.client.update_run(row.run, status=row.status)


class DatabaseRuns:
    """Runs in a SQLite or Postgres database, written as MLflow 3.17 writes them."""

    def __init__(self, client: Any, uri: str, experiment: str) -> None:
        import sqlalchemy
        from sqlalchemy import event

        self.experiment = experiment
        self.artifacts = client.get_experiment(experiment).artifact_location
        self._engine = sqlalchemy.create_engine(uri)
        if uri.startswith("sqlite:"):
            # As MLflow does: other studies and the dashboard use the same file.
            event.listen(self._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20000"))

    def known(self, study: str) -> Iterator[KnownRun]:
        from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
        from sqlalchemy import and_, select
        from sqlalchemy.orm import aliased

        owner, key, kind = aliased(SqlTag), aliased(SqlTag), aliased(SqlTag)
        query = (
            select(key.value, kind.value, SqlRun.run_uuid, SqlRun.status)
            .join(owner, and_(owner.run_uuid == SqlRun.run_uuid, owner.key == "ser.study", owner.value == study))
            .join(key, and_(key.run_uuid == SqlRun.run_uuid, key.key == "ser.key"))
            .outerjoin(kind, and_(kind.run_uuid == SqlRun.run_uuid, kind.key == "ser.kind"))
            .where(SqlRun.lifecycle_stage == "active", SqlRun.experiment_id == int(self.experiment))
            .order_by(SqlRun.start_time.desc(), SqlRun.run_uuid)  # the order of MLflow's search
        )
        with self._engine.connect() as connection:
            for found, sort, run, status in connection.execute(query):
                yield KnownRun(found, sort or "", run, status)

    def write(self, rows: Sequence[RunRow]) -> None:
        from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag

        now, new = int(time.time() * 1000), [row for row in rows if not row.run]
        old = [row for row in rows if row.run]
        for row in new:
            row.run = uuid.uuid4().hex
        latest = [each for row in rows for each in _latest(row, now)]
        replaced = {row.run for row in old}
        with self._engine.begin() as connection:
            self._insert(connection, SqlRun, (self._run(row, now) for row in new))
            self._insert(connection, SqlTag, (_pair(row, *each) for row in new for each in row.tags.items()))
            self._insert(connection, SqlParam, (_pair(row, *each) for row in new for each in row.shown_parameters))
            self._update(connection, SqlRun, old, now)
            self._forget(connection, SqlLatestMetric, [each for each in latest if each["run_uuid"] in replaced])
            self._insert(
                connection, SqlMetric, (_metric(row, *point, now) for row in rows for point in dict.fromkeys(row.points))
            )
            self._insert(connection, SqlLatestMetric, latest)

    def _run(self, row: RunRow, now: int) -> dict[str, Any]:
        return {
            "run_uuid": row.run,
            "name": row.tags["mlflow.runName"][:250],
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "unknown",
            "status": row.status,
            "start_time": now,
            "end_time": now if row.status in TERMINAL else None,
            "deleted_time": None,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"{self.artifacts}/{row.run}/artifacts",
            "experiment_id": int(self.experiment),
        }

    @staticmethod
    def _insert(connection: Any, table: Any, rows: Iterable[dict[str, Any]]) -> None:
        """Inserts rows into a table of MLflow; does nothing without rows."""
        from sqlalchemy import insert

        if listed := list(rows):
            connection.execute(insert(table.__table__), listed)

    @staticmethod
    def _update(connection: Any, table: Any, rows: Sequence[RunRow], now: int) -> None:
        """Sets the status of runs that were there, and the time at which they ended."""
        from sqlalchemy import bindparam, update

        changed = [{"which": row.run, "to": row.status, "at": now} for row in rows]
        for ended in (True, False):
            if some := [each for each in changed if (each["to"] in TERMINAL) is ended]:
                values = {"status": bindparam("to"), **({"end_time": bindparam("at")} if ended else {})}
                connection.execute(update(table.__table__).where(table.run_uuid == bindparam("which")).values(values), some)

    @staticmethod
    def _forget(connection: Any, table: Any, latest: Sequence[Mapping[str, Any]]) -> None:
        """Deletes the latest values that new ones replace."""
        from sqlalchemy import bindparam, delete

        if pairs := [{"which": each["run_uuid"], "name": each["key"]} for each in latest]:
            place = (table.run_uuid == bindparam("which"), table.key == bindparam("name"))
            connection.execute(delete(table.__table__).where(*place), pairs)


def _pair(row: RunRow, key: str, value: str) -> dict[str, Any]:
    """Returns a row of MLflow's tables of tags or parameters. MLflow stores at most 8,000 characters."""
    return {"run_uuid": row.run, "key": key, "value": value[:8000]}


def _metric(row: RunRow, name: str, value: float, step: int, now: int) -> dict[str, Any]:
    return {"run_uuid": row.run, "key": name, "value": float(value), "timestamp": now, "step": step, "is_nan": False}


def _latest(row: RunRow, now: int) -> list[dict[str, Any]]:
    """Returns the value of each metric at its last step; of two values of a step the larger, as MLflow chooses."""
    last: dict[str, tuple[int, float]] = {}
    for name, value, step in row.points:
        last[name] = max(last.get(name, (step, value)), (step, value))
    return [_metric(row, name, value, step, now) for name, (step, value) in last.items()]
