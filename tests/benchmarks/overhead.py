"""What the platform costs beyond training: wall-clock of a study, less its fold times over its workers, per fold.

    uv run python tests/benchmarks/overhead.py [--seeds 2] [overrides]
A first study of two small folds lets Python write its byte code and the disk cache the libraries, as after any first use.
Prints seconds per fold beyond a fixed start of 20 s, and the same without that allowance; their parts: start (until the first
fold trains), end (after the last record), a worker's seconds between folds; and seconds of a Tune trial whose fold is recorded.
Writes overhead.json where it is started.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from usual import write_figures

from cluster.study_record import load_study
from cluster.trial import Trial
from cluster.tune.resources import Cluster
from cluster.tune.train import train
from cluster.tune.tune_adapter import StartedSource, TrialQueue
from ser_core.cross_validation.records import RunStore

START_SECONDS = 20.0
SMALL = ("corpus.speakers=4", "corpus.sentences=6", "optim.epochs=1", "run.store=small")


def main() -> None:
    """Runs `ser ablate fusion` twice in an empty folder: to train, then to find everything recorded; then its trials alone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from cluster.cli.main import main; main()", "ablate", "fusion", *asked.overrides]
        command += ["--seeds", str(asked.seeds)]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        run = functools.partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=kept)
        run([*command[:-1], "1", *SMALL])
        run([*command[:3], "corpus", "card"])
        walls, begun = [], time.time()
        for _ in range(2):
            started = time.perf_counter()
            run(command)
            walls.append(time.perf_counter() - started)
        store = RunStore(Path(folder) / "bridgework")
        figures = {**beyond(store, begun, walls[0]), "again_wall_seconds": round(walls[1], 1)}
        with contextlib.chdir(folder):
            figures["trial_seconds"] = round(trial_seconds(store), 3)
    print(json.dumps(figures, indent=1))
    write_figures("overhead", figures)


def beyond(store: RunStore, begun: float, wall: float) -> dict[str, float]:
    """What a study that began then and took so long cost beyond the training of its folds."""
    records = list(store.folder.glob("folds/*/*/fold-*/record.json"))
    seconds = [json.loads(record.read_text())["seconds"] for record in records]
    ends = [record.stat().st_mtime - begun for record in records]
    start = min(end - each for end, each in zip(ends, seconds, strict=True))
    workers, folds = len(os.sched_getaffinity(0)), len(records)
    left = wall - sum(seconds) / workers
    return {
        "folds": folds,
        "workers": workers,
        "wall_seconds": round(wall, 1),
        "training_seconds": round(sum(seconds), 1),
        "per_fold_beyond_start": round((left - START_SECONDS) / folds, 3),
        "per_fold_in_all": round(left / folds, 3),
        "start_seconds": round(start, 1),
        "end_seconds": round(wall - max(ends), 1),
        "worker_seconds_between_folds": round(((max(ends) - start) * workers - sum(seconds)) / folds, 3),
    }


class Again(TrialQueue):
    """Hands out trials of one recorded fold each."""

    def __init__(self, trials: Sequence[Trial], store: RunStore) -> None:
        super().__init__([], store)
        self._waiting = iter([(trial, [key.fold]) for trial in trials for key in trial.keys])


def trial_seconds(store: RunStore) -> float:
    """Mean seconds of the clock from one trial's report to the next, on one worker; the first, which imports, left out."""
    reports: list[float] = []
    source = Again(load_study(store, "fusion").trials, store)
    train(StartedSource(source), Cluster(workers=1), store, lambda *_: reports.append(time.perf_counter()), print)
    between = [later - earlier for earlier, later in itertools.pairwise(reports)]
    return sum(between) / len(between)


if __name__ == "__main__":
    main()
