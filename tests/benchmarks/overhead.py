"""What the platform costs beyond training: wall-clock of a study, less its fold times over its workers, per fold.

    uv run python tests/benchmarks/overhead.py [--seeds 2] [overrides]
A first study of two small folds lets Python write its byte code and the disk cache the libraries, as after any first use.
Prints seconds per fold beyond a fixed start of 20 s, and the same without that allowance; writes overhead.json beside the store.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from usual import write_figures

START_SECONDS = 20.0
SMALL = ("corpus.speakers=4", "corpus.sentences=6", "optim.epochs=1", "run.store=small")


def main() -> None:
    """Runs `ser ablate fusion` twice in an empty folder: once to train, once to find everything recorded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from cluster.cli import main; main()", "ablate", "fusion", *asked.overrides]
        command += ["--seeds", str(asked.seeds)]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        run = functools.partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=kept)
        run([*command[:-1], "1", *SMALL])
        run([*command[:3], "corpus", "card"])
        walls = []
        for _ in range(2):
            begun = time.perf_counter()
            run(command)
            walls.append(time.perf_counter() - begun)
        records = Path(folder).glob("bridgework/folds/*/*/fold-*/record.json")
        seconds = [json.loads(record.read_text())["seconds"] for record in records]
    workers = len(os.sched_getaffinity(0))
    beyond = walls[0] - sum(seconds) / workers
    figures = {
        "folds": len(seconds),
        "workers": workers,
        "wall_seconds": round(walls[0], 1),
        "training_seconds": round(sum(seconds), 1),
        "per_fold_beyond_start": round((beyond - START_SECONDS) / len(seconds), 3),
        "per_fold_in_all": round(beyond / len(seconds), 3),
        "again_wall_seconds": round(walls[1], 1),
    }
    print(json.dumps(figures, indent=1))
    write_figures("overhead", figures)


if __name__ == "__main__":
    main()
