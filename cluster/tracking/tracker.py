"""The driver's side of MLflow: a queue of small keys for a process that reads the records and writes their runs.

    fold(trial, key) --queue--> one thread --a line of JSON--> writer.py: Projection --> MLflow        finish --> waits for it
The driver neither imports MLflow nor reads a record, so tracking takes nothing from training and scheduling, however far behind
MLflow is. If the driver dies, its process sees the end of its input and stops.
"""

import contextlib
import dataclasses
import hashlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.study_record import Ended, StudyRecord
from cluster.tracking.tracking_store import store_exists
from cluster.trial import Trial
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError

PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from cluster.tracking.writer import main; main()"
Told = tuple[str, Trial, Any]
"""What to tell: fold or failure, of which trial, and its details."""


class Tracker:
    """Shows one study in MLflow from another process, so that training never waits for it."""

    def __init__(self, study: StudyRecord, store: RunStore, uri: str, show_test: bool) -> None:
        self.study, self.store, self.uri, self.show_test = study, store, uri, show_test
        self._queue: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._told: set[str] = set()
        self._writer: subprocess.Popen[str] | None = None
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
        self.study.folder(self.store).mkdir(parents=True, exist_ok=True)
        # A session of its own: Ctrl-C reaches the driver alone, which then ends the runs.
        self._writer = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._feed, args=(self._writer,), name="tracking", daemon=True)
        self._thread.start()

    def fold(self, trial: Trial, key: FoldKey) -> None:
        """Queues a fold whose record has been written."""
        self._queue.put(("fold", trial, key))

    def failure(self, trial: Trial, fold: int, sentence: str) -> None:
        """Queues a fold that failed to train."""
        self._queue.put(("failure", trial, (fold, sentence)))

    def close(self) -> None:
        """Stops without an end: runs stay as they are, and what is queued is not shown. `finish` of another tracker shows it."""
        if not (self._writer and self._thread and self._writer.stdin and self._writer.stdout):
            return
        self._queue.put(None)
        self._writer.kill()  # it writes in transactions
        self._thread.join()
        with contextlib.suppress(BrokenPipeError):
            self._writer.stdin.close()
        self._writer.stdout.close()
        self._writer.wait()
        self._writer = None

    def finish(self, reports: Mapping[str, Path], complete: bool) -> str:
        """Shows the remaining records and the reports, ends every run, and returns the study's run id.

        Raises RecordError when MLflow cannot be used, and RuntimeError for a defect of the process that writes.
        """
        if self._writer is None:
            self.start()
        assert self._writer and self._thread and self._writer.stdin and self._writer.stdout
        self._queue.put(None)
        self._thread.join()
        with contextlib.suppress(BrokenPipeError):
            for trial in self.study.trials:
                self._send({"end": [self._described(trial), _pruned(self.study.ended.get(trial.keys[0].fingerprint))]})
            self._send({"finish": {"reports": [str(file) for file in reports.values()], "complete": complete}})
        with contextlib.suppress(BrokenPipeError):
            self._writer.stdin.close()
        with self._writer.stdout as answers:
            found = json.loads(answers.readline() or "{}")
        code, self._writer = self._writer.wait(), None
        if sentence := found.get("error"):
            raise RecordError(sentence)
        if "run" not in found:
            what = found.get("traceback") or f"it ended with code {code}; the records are intact, so run the same command again"
            raise RuntimeError(f"the process that writes to MLflow failed: {what}")
        if complete:
            write_atomically(self.marker, json.dumps(self._state()))
        return found["run"]

    def _feed(self, writer: "subprocess.Popen[str]") -> None:
        """Passes on what is queued. A pipe that is full blocks this thread and no other."""
        header = {name: getattr(self.study, name) for name in ("id", "kind", "command", "question")}
        place = {"store": str(self.store.folder), "uri": self.uri, "show_test": self.show_test}
        try:
            self._send({"study": header, **place})
            while told := self._queue.get():
                what, trial, details = told
                given = dataclasses.astuple(details) if what == "fold" else details
                self._send({what: [self._described(trial), *given]})
        except (BrokenPipeError, ValueError):  # it has ended; `finish` says why
            writer.poll()

    def _described(self, trial: Trial) -> str:
        """Describes a trial to the writer the first time. Returns its name for all further messages."""
        path = f"{trial.variant}/{trial.seed}"
        if path not in self._told:
            self._told.add(path)
            keys = [dataclasses.astuple(key) for key in trial.keys]
            self._send({"trial": [trial.variant, trial.seed, trial.overrides, keys]})
        return path

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._writer and self._writer.stdin
        self._writer.stdin.write(json.dumps(message) + "\n")
        self._writer.stdin.flush()


def _pruned(ended: Ended | None) -> str | None:
    """Returns when and why scores ended a trial, "" if a budget did (a larger one may resume it), None if nothing did."""
    if ended is None or not ended.pruned:
        return None if ended is None else ""
    done = f"{len(ended.curve)} epochs" if ended.curve else f"{ended.folds} folds"
    return f"after {done}: {ended.reason}"
