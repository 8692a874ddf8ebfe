"""Shows studies in MLflow as study run > trial runs > fold runs. Only the driver writes, and it writes from records.

    on_fold --queue--> one thread --log_batch--> SQLite or server        finish: shows everything not shown yet
Every run has a `ser.key` tag, which identifies it later. Runs that a killed driver left half-written are replaced.
"""

import hashlib
import json
import math
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cluster.study_record import StudyRecord
from cluster.tracking.tracking_store import as_sentence, open_client, store_exists
from cluster.trial import Trial
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore

TERMINAL = {"FINISHED", "FAILED", "KILLED"}
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",  # the default of 7 retries blocks for minutes when a server is down
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def mlflow_name(metric: str) -> str:
    """Returns a metric name that MLflow accepts: `@` becomes " at ", other invalid characters become their hex code.

    >>> mlflow_name("test.uar@text_only")
    'test.uar at text_only'
    >>> mlflow_name("test.recall.anger"), mlflow_name("test.recall.joy & love/like")
    ('test.recall.anger', 'test.recall.joy _26_ love_2f_like')
    """
    return re.sub(r"[^\w.\- ]", lambda sign: f"_{ord(sign.group()):x}_", metric.replace("@", " at "))


class Tracker:
    """Projects one study into MLflow from a separate thread, so that training never waits for it."""

    def __init__(self, study: StudyRecord, store: RunStore, uri: str, show_test: bool) -> None:
        self.study, self.store, self.uri, self.show_test = study, store, uri, show_test
        self._queue: queue.Queue[Callable[[Projection], None] | None] = queue.Queue()
        self._failed: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def marker(self) -> Path:
        """File that remembers what has been shown, so that a repeated command costs nothing."""
        return self.study.folder(self.store) / "shown.json"

    def _state(self) -> str:
        recorded = sorted(str(key) for key in self.study.keys if key in self.store)
        shown = [self.uri, self.show_test, recorded, sorted(self.study.ended)]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()

    def up_to_date(self) -> bool:
        """Whether MLflow already shows everything recorded."""
        return store_exists(self.uri) and self.marker.exists() and json.loads(self.marker.read_text()) == self._state()

    def start(self) -> None:
        """Starts to open the database while trials are still being prepared."""
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def fold(self, trial: Trial, key: FoldKey) -> None:
        """Queues a fold whose record has been written."""
        self._queue.put(lambda projection: projection.fold(trial, key))

    def failure(self, trial: Trial, fold: int, sentence: str) -> None:
        """Queues a fold that failed to train."""
        self._queue.put(lambda projection: projection.failure(trial, fold, sentence))

    def finish(self, reports: Mapping[str, Path], complete: bool) -> str:
        """Shows the remaining records and the reports, ends every run, and returns the study's run id.

        Raises RecordError when MLflow cannot be used, and re-raises any other error of the thread.
        """
        if self._thread is None:
            self.start()
        done: list[str] = []
        self._queue.put(lambda projection: done.append(projection.finish(reports, complete)))
        self._queue.put(None)
        assert self._thread is not None
        self._thread.join()
        if self._failed is not None:
            raise as_sentence(self._failed, self.uri)
        if complete:
            write_atomically(self.marker, json.dumps(self._state()))
        return done[0]

    def _work(self) -> None:
        try:
            projection = Projection(self.study, self.store, self.uri, self.show_test)
            while (job := self._queue.get()) is not None:
                job(projection)
        except BaseException as error:
            self._failed = error
            while self._queue.get() is not None:
                pass


class Projection:
    """The MLflow runs of one study, created or found again."""

    def __init__(self, study: StudyRecord, store: RunStore, uri: str, show_test: bool) -> None:
        os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in os.environ})
        self.study, self.store, self.show_test = study, store, show_test
        self.client = open_client(uri)
        self.experiment = self._experiment(uri)
        self.runs = self._known()
        tags = {"ser.kind": study.kind, "ser.command": study.command, "ser.question": study.question}
        self.root = self._run(study.id, study.id, None, tags)
        self.trials: dict[str, str] = {}
        for trial in list(study.trials):
            self._trial(trial)

    def fold(self, trial: Trial, key: FoldKey) -> None:
        """Shows one record unless MLflow already shows it."""
        name = f"{self._trial_key(trial)}/{key}"
        if self.runs.get(name, ("", ""))[1] == "FINISHED":
            return
        record = self.store.load(key)
        run = self._run(name, f"fold {key.fold:02d} ({record.held_out})", self._trial(trial), {"ser.kind": "fold"})
        tested = self.store.open_test(key).metrics if self.show_test else {}
        self._log(run, self._metrics(record, tested), {"fold": str(key.fold), "held_out": record.held_out})
        self._end(name, run, "FINISHED")

    def failure(self, trial: Trial, fold: int, sentence: str) -> None:
        """Tags the trial's run with the reason why a fold is missing."""
        self.client.set_tag(self._trial(trial), f"ser.failure.{fold:02d}", sentence[:4000])

    def finish(self, reports: Mapping[str, Path], complete: bool) -> str:
        """Shows the remaining records, the means per trial and the reports, and ends all runs."""
        for trial in self.study.trials:
            for key in trial.keys:
                if key in self.store:
                    self.fold(trial, key)
        for trial in self.study.trials:
            run = self._trial(trial)
            self._log(run, [(key, value, 0) for key, value in self._means(trial).items()], {})
            self._end(self._trial_key(trial), run, self._outcome(trial, run))
        for file in reports.values():
            self.client.log_artifact(self.root, str(file), "report")
        self._end(self.study.id, self.root, "FINISHED" if complete else "FAILED")
        return self.root

    def _outcome(self, trial: Trial, run: str) -> str:
        """Returns a trial's status: FINISHED with all folds, KILLED if it ended early (a tag says why), else FAILED."""
        if all(key in self.store for key in trial.keys):
            return "FINISHED"
        ended = self.study.ended.get(trial.keys[0].fingerprint)
        if ended is None:
            return "FAILED"
        if ended.pruned:  # a larger budget may resume the other trials, so they get no tag
            done = f"{len(ended.curve)} epochs" if ended.curve else f"{ended.folds} folds"
            self.client.set_tag(run, "ser.pruned", f"after {done}: {ended.reason}")
        return "KILLED"

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
        token = None
        while True:
            page = self.client.search_runs([self.experiment], f"tags.`ser.study` = '{self.study.id}'", page_token=token)
            for run in page:
                key, status = run.data.tags["ser.key"], run.info.status
                half_written = run.data.tags.get("ser.kind") == "fold" and status != "FINISHED"
                if half_written or key in runs:
                    self.client.delete_run(run.info.run_id)
                else:
                    runs[key] = (run.info.run_id, status)
            token = page.token
            if not token:
                return runs

    def _run(self, key: str, name: str, parent: str | None, tags: Mapping[str, str]) -> str:
        """Reopens or creates the run with this key."""
        if key in self.runs:
            run, status = self.runs[key]
            if status in TERMINAL:
                self.client.update_run(run, status="RUNNING")
            return run
        tags = {"ser.study": self.study.id, "ser.key": key, "mlflow.runName": name, **tags}
        if parent:
            tags["mlflow.parentRunId"] = parent
        run = self.client.create_run(self.experiment, tags=dict(tags)).info.run_id
        self.runs[key] = (run, "RUNNING")
        return run

    def _trial(self, trial: Trial) -> str:
        """Returns the run of a trial, with its overrides as parameters. Creates it on first use."""
        name = self._trial_key(trial)
        if name in self.trials:
            return self.trials[name]
        new = name not in self.runs
        run = self._run(name, f"{trial.variant}, seed {trial.seed}", self.root, {"ser.kind": "trial"})
        if new:
            settings = dict(override.split("=", 1) for override in trial.overrides)
            self._log(run, [], {"variant": trial.variant, "seed": str(trial.seed), **settings})
        self.trials[name] = run
        return run

    def _trial_key(self, trial: Trial) -> str:
        return f"{self.study.id}/{trial.variant}/{trial.seed}"

    def _means(self, trial: Trial) -> dict[str, float]:
        """Returns fold means of the trial's development metrics, and of its test metrics when these may be shown."""
        recorded = [key for key in trial.keys if key in self.store]
        collected: dict[str, list[float]] = {}
        for key in recorded:
            parts = {"dev": self.store.load(key).dev}
            if self.show_test:
                parts["test"] = self.store.open_test(key).metrics
            for part, metrics in parts.items():
                for name, value in metrics.items():
                    if math.isfinite(value):
                        collected.setdefault(f"{part}.{name}", []).append(value)
        return {name: sum(values) / len(values) for name, values in collected.items()}

    def _metrics(self, record: FoldRecord, tested: Mapping[str, float]) -> list[tuple[str, float, int]]:
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

    def _log(self, run: str, metrics: list[tuple[str, float, int]], parameters: Mapping[str, str]) -> None:
        """Calls `log_batch` once per thousand metrics. Skips NaN, which MLflow cannot store."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        points = [Metric(mlflow_name(name), value, now, step) for name, value, step in metrics if math.isfinite(value)]
        named = [Param(name, value[:6000]) for name, value in list(parameters.items())[:100]]
        for start in range(0, max(1, len(points)), 1000):
            self.client.log_batch(run, metrics=points[start : start + 1000], params=named if start == 0 else [])

    def _end(self, key: str, run: str, status: str) -> None:
        self.client.set_terminated(run, status)
        self.runs[key] = (run, status)
