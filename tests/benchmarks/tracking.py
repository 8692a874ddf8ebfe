"""What MLflow costs the driver: seconds of its processor and memory per fold, and how far MLflow is behind, at a steady rate.

    uv run python tests/benchmarks/tracking.py [--folds 3000] [--rate 100] [--tracking http://127.0.0.1:5000] [overrides]
The records are written before the clock starts: their plan, keys and cards are real and their scores are drawn (scale.py), with
20 epochs each. Then the tracker of a driver is told of `rate` folds per second. A process of its own counts the folds that MLflow
shows. Prints seconds and bytes per fold of the driver, seconds per fold of the process that writes to MLflow, and the
longest time from the report of a fold to its run in MLflow. Writes tracking.json.
"""

import argparse
import dataclasses
import json
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from scale import quiet, recordings
from usual import placeless, write_figures

from ablations.study_from_command import study_from_words
from cluster.run_study import plan_ablation
from cluster.study_record import StudyRecord
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import open_client, tracking_uri
from ser_core.cross_validation.records import RunStore

FOLDS, EPOCHS = 10, 20
POLL, POLL_SERVER = 0.2, 5.0
"""Seconds between two counts of what MLflow shows; a server is asked seldom, since the answer costs it much."""


def main() -> None:
    """Writes the records, then measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=3000, help="a multiple of 50")
    parser.add_argument("--rate", type=float, default=100, help="folds per second")
    parser.add_argument("--tracking", default="", help="address of a MLflow server or database; empty for SQLite")
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        record, store = recorded(asked.folds, asked.overrides, Path(folder))
        figures = measured(record, store, asked.rate, asked.tracking)
    print(json.dumps(figures), flush=True)
    write_figures("tracking", {"rate": asked.rate, "overrides": placeless(asked.overrides), **figures})


def recorded(folds: int, base: list[str], folder: Path) -> tuple[StudyRecord, RunStore]:
    """A study of so many recorded folds: learning rates, five seeds, ten folds."""
    rates = ",".join(f"{number}e-5" for number in range(1, folds // (5 * FOLDS) + 1))
    study, given = study_from_words("", [*base, f"run.store={folder}"], [f"optim.learning_rate={rates}"])
    record, store = plan_ablation(study, given, 5, quiet)
    record.save(store)
    make = recordings(record, 54)
    for place in range(len(record.keys)):
        fold, dev, test = make(place)
        epochs = [{"epoch": float(epoch), "loss": 1 / epoch, "loss.emotion": 1 / epoch, "dev": 0.5} for epoch in range(1, EPOCHS)]
        store.write(dataclasses.replace(fold, epochs=epochs), dev, test)
    return record, store


def measured(record: StudyRecord, store: RunStore, rate: float, tracking: str) -> dict[str, Any]:
    """Tells a tracker of every fold at this rate, then ends it."""
    uri = tracking_uri(store, tracking)
    tracker = Tracker(record, store, uri, show_test=True)
    tracker.start()
    until_root(uri)
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that the tracker's thread holds
    counts, seen = context.SimpleQueue(), context.Event()
    counter = context.Process(target=count, args=(uri, len(record.keys), counts, seen), daemon=True)
    counter.start()
    seen.wait()
    waiting = processor(resource.RUSAGE_CHILDREN)
    this = psutil.Process()
    used, memory, begun = processor(resource.RUSAGE_SELF), this.memory_info().rss, time.time()
    told: list[float] = []
    for trial in record.trials:
        for key in trial.keys:
            if (early := begun + len(told) / rate - time.time()) > 0:
                time.sleep(early)
            told.append(time.time())
            tracker.fold(trial, key)
    spent = time.time() - begun
    rows, counting = counts.get()  # when everything is shown
    grown = this.memory_info().rss - memory
    after = processor(resource.RUSAGE_SELF) - used
    counter.join()
    lags = sorted(behind(told, rows))
    ended = time.time()
    tracker.finish({}, complete=True)
    folds, children = len(told), processor(resource.RUSAGE_CHILDREN) - waiting - counting
    return {
        "folds": folds,
        "told_per_second": round(folds / spent, 1),
        "driver_processor_per_fold": round(after / folds, 5),
        "driver_bytes_per_fold": round(grown / folds),
        "writer_processor_per_fold": round(children / folds, 5),
        "seconds_behind_median": round(lags[len(lags) // 2], 2),
        "seconds_behind_most": round(lags[-1], 2),
        "finish_seconds": round(time.time() - ended, 2),
    }


def until_root(uri: str) -> None:
    """Waits until the study's own run is there, so that MLflow's start is left out."""
    counted = reader(uri)
    while not counted("1 = 1"):
        time.sleep(0.1)


def reader(uri: str) -> Callable[[str], int]:
    """Counts runs that meet a condition, with little work: by SQLite itself, or by a search of the server."""
    if not uri.startswith("sqlite:///"):
        return lambda condition: server_count(uri, "" if condition == "1 = 1" else condition)

    def counted(condition: str) -> int:
        try:
            with sqlite3.connect(f"file:{uri.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=20) as database:
                return database.execute(f"select count(*) from runs where {condition}").fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    return counted


def server_count(uri: str, condition: str) -> int:
    """Runs on a server that meet a condition ("": all)."""
    client, token, found = open_client(uri), None, 0
    experiment = client.get_experiment_by_name("bridgework")
    if experiment is None:
        return 0
    while True:
        page = client.search_runs([experiment.experiment_id], condition, max_results=5000, page_token=token)
        found += len(page)
        token = page.token
        if not token:
            return found


def count(uri: str, most: int, counts: Any, seen: Any) -> None:
    """Runs in a process of its own: (time, finished folds) until all are there."""
    counted, rows = reader(uri), []
    seen.set()
    while not rows or rows[-1][1] < most:
        rows.append((time.time(), counted("status = 'FINISHED'")))
        time.sleep(POLL if uri.startswith("sqlite") else POLL_SERVER)
    counts.put((rows, processor(resource.RUSAGE_SELF)))


def behind(told: list[float], rows: list[tuple[float, int]]) -> list[float]:
    """Seconds from the report of each fold until MLflow had as many."""
    lags, place = [], 0
    for number, at in enumerate(told, start=1):
        while rows[place][1] < number:
            place += 1
        lags.append(max(0.0, rows[place][0] - at))
    return lags


def processor(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
