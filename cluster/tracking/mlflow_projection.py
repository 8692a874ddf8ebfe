"""Shows a study in MLflow as study run > trial runs > fold runs, from its records.

    records --RunRow--> run_rows.py: many runs at once --> SQLite, Postgres or server     finish: shows all not shown yet
Every run has a `ser.key` tag, which identifies it later. Runs that a killed driver left half-written are replaced.
"""

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.tracking.run_rows import TERMINAL, Point, RunRow, open_runs
from cluster.tracking.tracking_store import open_client
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",  # the default of 7 retries blocks for minutes when a server is down
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
BATCH = 200
"""Runs of one transaction. Other users of the database wait for it, about a second."""


@dataclasses.dataclass(frozen=True)
class ShownStudy:
    """What MLflow shows of a study itself."""

    id: str
    kind: str
    command: str
    question: str


@dataclasses.dataclass(frozen=True)
class ShownTrial:
    """What MLflow shows of a trial."""

    variant: str
    seed: int
    overrides: tuple[str, ...]
    keys: tuple[FoldKey, ...]

    @property
    def path(self) -> str:
        """Its name within the study."""
        return f"{self.variant}/{self.seed}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a trial without all of its folds ended: by the pruner, which tags it, or by the budget, which may resume it."""

    pruned: str = ""
    """When and why its scores ended it; "" if a budget did."""


class Projection:
    """The MLflow runs of one study, created or found again."""

    def __init__(self, study: ShownStudy, store: RunStore, uri: str, show_test: bool) -> None:
        os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in os.environ})
        self.study, self.store, self.show_test = study, store, show_test
        self.client = open_client(uri)
        self.rows = open_runs(self.client, uri, self._experiment(uri))
        self.runs = self._known()
        tags = {"ser.kind": study.kind, "ser.command": study.command, "ser.question": study.question}
        self.root = self._write([self._row(study.id, study.id, None, tags)])[0]
        self.trials: dict[str, ShownTrial] = {}
        """Trials whose run is there and is not ended, by their path."""

    def folds(self, folds: Sequence[tuple[ShownTrial, FoldKey]]) -> None:
        """Shows these records, except those that MLflow already shows."""
        hidden = [(trial, key) for trial, key in folds if self.runs.get(self._fold_key(trial, key), ("", ""))[1] != "FINISHED"]
        for start in range(0, len(hidden), BATCH):
            batch = hidden[start : start + BATCH]
            self.open_trials([trial for trial, _ in batch])
            self._write([self._fold(trial, key) for trial, key in dict.fromkeys(batch)])

    def failure(self, trial: ShownTrial, fold: int, sentence: str) -> None:
        """Tags the trial's run with the reason why a fold is missing."""
        self.open_trials([trial])
        self.client.set_tag(self._trial(trial), f"ser.failure.{fold:02d}", sentence[:4000])

    def finish(self, trials: Sequence[tuple[ShownTrial, Outcome | None]], reports: Iterable[str], complete: bool) -> str:
        """Shows the remaining records, the means per trial and the reports, ends all runs, returns the study's run id.

        An `Outcome` belongs to a trial that ended early.
        """
        there = {key for trial, _ in trials for key in trial.keys if key in self.store}
        self.folds([(trial, key) for trial, _ in trials for key in trial.keys if key in there])
        self.open_trials([trial for trial, _ in trials])
        for start in range(0, len(trials), BATCH):
            self._end_trials(trials[start : start + BATCH], there)
        for file in reports:
            self.client.log_artifact(self.root, file, "report")
        self._write([self._row(self.study.id, self.study.id, None, {}, status="FINISHED" if complete else "FAILED")])
        return self.root

    def open_trials(self, trials: Iterable[ShownTrial]) -> None:
        """Creates or reopens the runs of trials, with their overrides as parameters."""
        fresh = {trial.path: trial for trial in trials if trial.path not in self.trials}
        rows = []
        for trial in fresh.values():
            settings = dict(override.split("=", 1) for override in trial.overrides)
            parameters = {"variant": trial.variant, "seed": str(trial.seed), **settings}
            name = f"{trial.variant}, seed {trial.seed}"
            rows.append(self._row(self._trial_key(trial), name, self.root, {"ser.kind": "trial"}, parameters=parameters))
        # A trial that is still open needs no writing.
        self._write([row for row in rows if not row.run or self.runs[row.key][1] in TERMINAL])
        self.trials |= fresh

    def _end_trials(self, trials: Sequence[tuple[ShownTrial, Outcome | None]], there: set[FoldKey]) -> None:
        """Shows the means of trials and ends their runs: FINISHED with all folds, KILLED if ended early, else FAILED."""
        rows = []
        for trial, outcome in trials:
            recorded = [key for key in trial.keys if key in there]
            status = "FINISHED" if len(recorded) == len(trial.keys) else "FAILED" if outcome is None else "KILLED"
            if status == "KILLED" and outcome and outcome.pruned:
                self.client.set_tag(self._trial(trial), "ser.pruned", outcome.pruned)
            means = [(name, value, 0) for name, value in self._means(recorded).items()]
            rows.append(self._row(self._trial_key(trial), "", None, {}, means, status))
            self.trials.pop(trial.path, None)
        self._write(rows)

    def _fold(self, trial: ShownTrial, key: FoldKey) -> RunRow:
        record = self.store.load(key)
        tested = self.store.open_test_metrics(key) if self.show_test else {}
        parameters = {"fold": str(key.fold), "held_out": record.held_out}
        name, tags = f"fold {key.fold:02d} ({record.held_out})", {"ser.kind": "fold"}
        metrics = self._metrics(record, tested)
        return self._row(self._fold_key(trial, key), name, self._trial(trial), tags, metrics, "FINISHED", parameters)

    def _experiment(self, uri: str) -> str:
        """Returns the experiment of this store. Its artifacts are next to the records when the database is."""
        name = "bridgework"
        known = self.client.get_experiment_by_name(name)
        if known is not None:
            return known.experiment_id
        location = (self.store.folder / "artifacts").as_uri() if uri.startswith("sqlite:") else None
        return self.client.create_experiment(name, artifact_location=location)

    def _known(self) -> dict[str, tuple[str, str]]:
        """Returns (run id, status) of this study's runs by key. Deletes unfinished fold runs, so they are written again."""
        runs: dict[str, tuple[str, str]] = {}
        for found in list(self.rows.known(self.study.id)):
            if found.key in runs or (found.kind == "fold" and found.status != "FINISHED"):
                self.client.delete_run(found.run)
            else:
                runs[found.key] = (found.run, found.status)
        return runs

    def _row(
        self,
        key: str,
        name: str,
        parent: str | None,
        tags: Mapping[str, str],
        metrics: Sequence[Point] = (),
        status: str = "RUNNING",
        parameters: Mapping[str, str] | None = None,
    ) -> RunRow:
        """Returns the run with this key, a new one if MLflow does not have it."""
        own = {"ser.study": self.study.id, "ser.key": key, "mlflow.runName": name, **tags}
        if parent:
            own["mlflow.parentRunId"] = parent
        return RunRow(key, own, status, metrics, parameters or {}, self.runs.get(key, ("", ""))[0])

    def _write(self, rows: Sequence[RunRow]) -> list[str]:
        """Writes these runs and remembers them. Returns their ids."""
        self.rows.write(rows)
        self.runs |= {row.key: (row.run, row.status) for row in rows}
        return [row.run for row in rows]

    def _trial(self, trial: ShownTrial) -> str:
        return self.runs[self._trial_key(trial)][0]

    def _trial_key(self, trial: ShownTrial) -> str:
        return f"{self.study.id}/{trial.path}"

    def _fold_key(self, trial: ShownTrial, key: FoldKey) -> str:
        return f"{self._trial_key(trial)}/{key}"

    def _means(self, recorded: Sequence[FoldKey]) -> dict[str, float]:
        """Returns fold means of the trial's development metrics, and of its test metrics when these may be shown."""
        collected: dict[str, list[float]] = {}
        for key in recorded:
            parts: dict[str, Mapping[str, Any]] = {"dev": self.store.load(key).dev}
            if self.show_test:
                parts["test"] = self.store.open_test_metrics(key)
            for part, metrics in parts.items():
                for name, value in metrics.items():
                    if math.isfinite(value):
                        collected.setdefault(f"{part}.{name}", []).append(value)
        return {name: sum(values) / len(values) for name, values in collected.items()}

    def _metrics(self, record: FoldRecord, tested: Mapping[str, float]) -> list[Point]:
        """Returns (name, value, step) of a fold: its scores, then its training curves."""
        scores = {**{f"dev.{k}": v for k, v in record.dev.items()}, **{f"test.{k}": v for k, v in tested.items()}}
        scores |= {"seconds": record.seconds, "chosen_epoch": float(record.chosen_epoch)}
        course = [
            (f"epoch.{name}", value, int(epoch["epoch"]))
            for epoch in record.epochs
            for name, value in epoch.items()
            if name != "epoch"
        ]
        return [(name, value, 0) for name, value in scores.items()] + course
