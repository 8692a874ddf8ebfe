"""Runs written in bulk are, row by row, those that MLflow's own client writes; so a version with other tables is noticed."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.tracking.run_rows import DatabaseRuns, KnownRun, RunRow, Runs, ServerRuns, open_runs
from cluster.tracking.tracking_store import open_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, of SQLAlchemy
TAGS = {"ser.study": "study", "mlflow.runName": "one (speaker 1)"}
METRICS = (("dev.uar@text_only", 0.5, 0), ("epoch.dev", 0.25, 1), ("epoch.dev", 0.5, 2), ("dev.ece", float("nan"), 0))
TABLES = {
    "runs": "name, source_type, source_name, entry_point_name, user_id, status, end_time is null, deleted_time, source_version, "
    "lifecycle_stage, replace(artifact_uri, run_uuid, ''), experiment_id",
    "tags": "key, value",
    "params": "key, value",
    "metrics": "key, value, step, is_nan, timestamp > 1000000000000",
    "latest_metrics": "key, value, step, is_nan, timestamp > 1000000000000",
}
"""What is compared of each table: all but ids and times."""


def written(folder: Path, way: Callable[[Any, str, str], Runs]) -> dict[str, list[Any]]:
    """Two new runs, the first written again with other means; then all rows."""
    folder.mkdir()
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = open_client(uri)
    experiment = client.create_experiment("e", artifact_location="file:///artifacts")
    runs = way(client, uri, experiment)
    rows = [
        RunRow("a", {**TAGS, "ser.key": "a", "ser.kind": "trial"}, "RUNNING", METRICS, {"long": "x" * 7000, "fold": "1"}),
        RunRow("b", {**TAGS, "ser.key": "b", "ser.kind": "fold"}, "FINISHED", METRICS),
    ]
    runs.write(rows)
    assert all(row.run for row in rows)
    runs.write([RunRow("a", {}, "FINISHED", [("dev.uar@text_only", 0.75, 0), ("dev.wa", 1.0, 0)], {"late": "1"}, rows[0].run)])
    assert sorted(runs.known("study"), key=lambda run: run.key) == [
        KnownRun("a", "trial", rows[0].run, "FINISHED"),
        KnownRun("b", "fold", rows[1].run, "FINISHED"),
    ]
    assert not list(runs.known("another"))
    (found,) = client.search_runs([experiment], "tags.`ser.key` = 'a'")
    assert found.data.metrics == {"dev.uar at text_only": 0.75, "epoch.dev": 0.5, "dev.wa": 1.0}
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return {name: sorted(database.execute(f"select {columns} from {name}").fetchall()) for name, columns in TABLES.items()}


def test_bulk_rows_are_those_of_the_client(tmp_path: Path) -> None:
    bulk = written(tmp_path / "bulk", DatabaseRuns)
    assert bulk == written(tmp_path / "client", lambda client, uri, experiment: ServerRuns(client, experiment))
    assert len(bulk["runs"]) == 2 and len(bulk["metrics"]) == 8 and len(bulk["latest_metrics"]) == 5


def test_an_address_chooses_the_way(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = open_client(uri)
    experiment = client.create_experiment("e")
    assert isinstance(open_runs(client, uri, experiment), DatabaseRuns)
    assert isinstance(open_runs(client, "http://127.0.0.1:1", experiment), ServerRuns)


def test_nothing_is_written_when_a_batch_fails(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = open_client(uri)
    runs = DatabaseRuns(client, uri, client.create_experiment("e"))
    twice = {**TAGS, "ser.key": "a"}
    broken = RunRow("b", {**TAGS, "ser.key": None}, "FINISHED", [("m", None, 0)])  # type: ignore[dict-item, list-item]
    with pytest.raises(TypeError):
        runs.write([RunRow("a", twice, "FINISHED", METRICS), broken])
    assert not list(runs.known("study"))
