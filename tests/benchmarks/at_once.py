"""How many folds a driver can have trained at once: folds sleep instead of training, everything else is real.

    uv run python tests/benchmarks/at_once.py [--at-once 10] [--folds 1000] [--seconds 0.1] [--per-trial 1] [--profile FILE]
Ray, Tune, the store, summaries and MLflow are real, and each trial runs in a worker process (sleeping.py). --per-trial 10 gives a
trial ten folds, one after the other. With --per-trial 100 --together, a trial holds 100 folds that sleep together and are
reported one after the other, as with optim.pack=0: 1,000 folds at once are then ten processes; 1,000 do not fit on one machine.
With --per-trial 0 the driver puts short folds together by itself.
Prints folds per second from the first report to the last, seconds of the driver's processor and bytes per fold, processor of
Ray's processes and workers per fold, and seconds from the last report until MLflow is complete. Writes at_once.json.
"""

import argparse
import cProfile
import dataclasses
import json
import os
import pstats
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import sleeping
from scale import quiet, recordings
from usual import write_figures

from ablations.study_from_command import study_from_words
from cluster import run_study as studies
from cluster.run_study import plan_ablation, run_study
from cluster.study_record import StudyRecord
from cluster.trial import PROTOCOL, Trial
from cluster.tune import train as tune_train
from cluster.tune import tune_adapter
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import TrialQueue
from ser_core.cross_validation.records import FoldKey, RunStore


class Meter:
    """The driver's use of processor and memory, from the first report to the last."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.rows: list[tuple[float, float, int, float]] = []

    def read(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.rows.append((time.time(), used.ru_utime + used.ru_stime, self.process.memory_info().rss, self.others()))

    def others(self) -> float:
        """Processor of all processes that the driver has started, which are there still."""
        total = 0.0
        for child in self.process.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total


def main() -> None:
    """Plans a study, prepares one record, then runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, default=10, help="folds that train at once")
    parser.add_argument("--folds", type=int, default=1000, help="folds of the study, a multiple of 50")
    parser.add_argument("--seconds", type=float, default=0.1, help="seconds that a fold sleeps")
    parser.add_argument("--per-trial", type=int, default=1, help="folds of one Tune trial; 0 lets the driver choose")
    parser.add_argument("--together", action="store_true", help="folds of a trial sleep together, as in a pack")
    parser.add_argument("--profile", default="", help="file for a profile of the driver")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record, store = planned(asked.folds, Path(folder) / "store", Path(folder) / "template", int(not asked.per_trial))
        workers = max(1, asked.at_once // (asked.per_trial if asked.together else 1))
        os.environ |= {sleeping.SECONDS: str(asked.seconds), sleeping.TEMPLATE: str(Path(folder) / "template")}
        os.environ |= {sleeping.WORKERS: str(workers), sleeping.TOGETHER: str(int(asked.together))}
        here = str(Path(__file__).parent)
        os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
        figures = measured(record, store, workers, asked.at_once, asked.per_trial, asked.profile)
    figures = {"at_once": asked.at_once, "sleep": asked.seconds, "per_trial": asked.per_trial, "workers": workers, **figures}
    print(json.dumps(figures), flush=True)
    write_figures("at_once", figures)


def planned(folds: int, folder: Path, template: Path, pack: int) -> tuple[StudyRecord, RunStore]:
    """A study of so many folds, and the files of one record of it. A pack of 0 puts folds into trials by number, 1 by time."""
    folder.mkdir()
    rates = ",".join(f"{number}e-5" for number in range(1, folds // 50 + 1))
    study, given = study_from_words("", [f"run.store={folder}", f"optim.pack={pack}"], [f"optim.learning_rate={rates}"])
    record, store = plan_ablation(study, given, 5, quiet)
    fold, dev, test = recordings(record, 54)(0)
    epochs = [{"epoch": float(epoch), "loss": 1 / epoch, "loss.emotion": 1 / epoch, "dev": 0.5} for epoch in range(1, 20)]
    aside = RunStore(template.parent / "aside")
    aside.write(dataclasses.replace(fold, epochs=epochs), dev, test)
    aside.place(fold.key).rename(template)
    return record, store


def measured(record: StudyRecord, store: RunStore, workers: int, at_once: int, per_trial: int, profile: str) -> dict[str, Any]:
    """Runs the study with sleeping workers."""
    cluster = Cluster(workers=workers, cpus_per_trial=0.01, folds_per_trial=1, pack=max(1, per_trial))
    meter, stops = Meter(), len(record.keys)
    payload, on_fold = tune_adapter.payload, studies.StudyRun.on_fold
    tune_train.train_trial = sleeping.train_trial  # type: ignore[assignment]
    tune_adapter.payload = lambda *given: {**payload(*given), "protocol": PROTOCOL}  # type: ignore[assignment]
    warm = at_once  # by then every worker has started

    def counted(running: studies.StudyRun, trial: Trial, key: FoldKey, trained: bool) -> None:
        on_fold(running, trial, key, trained)
        if len(running.reported) in (warm, stops):
            meter.read()

    studies.StudyRun.on_fold = counted  # type: ignore[method-assign]
    profiler = cProfile.Profile()
    begun = time.time()
    if profile:
        profiler.enable()
    finished = run_study(record, store, cluster, TrialQueue(record.trials, store, 1), quiet, show_test=True, total=stops)
    profiler.disable()
    if profile:
        with Path(profile).open("w") as file:
            pstats.Stats(profiler, stream=file).sort_stats("cumulative").print_stats(90)
    (first, used, memory, others), (last, used_after, memory_after, others_after) = meter.rows
    ended = time.time()
    finished.tracker.finish({}, complete=True)
    folds = stops - warm
    return {
        "folds": stops,
        "complete": finished.complete,
        "start_seconds": round(first - begun, 1),
        "folds_per_second": round(folds / (last - first), 1),
        "driver_processor_per_fold": round((used_after - used) / folds, 5),
        "driver_bytes_per_fold": round((memory_after - memory) / folds),
        "others_processor_per_fold": round((others_after - others) / folds, 5),
        "load": round(os.getloadavg()[0], 1),
        "finish_seconds": round(time.time() - ended, 2),
    }


if __name__ == "__main__":
    main()
