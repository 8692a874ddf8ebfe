"""Stands for training in at_once.py: a worker that sleeps, then writes prepared records and reports each fold as a real one does.

It imports neither PyTorch nor this project, so that a worker is small: about 60 MB instead of 300.
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

SECONDS, TEMPLATE, WORKERS, TOGETHER = "SLEEPING_SECONDS", "SLEEPING_TEMPLATE", "SLEEPING_WORKERS", "SLEEPING_TOGETHER"
"""Environment of the workers: how long a fold sleeps, the folder with the four files of a record, how many workers there are, and
whether the folds of a trial sleep together, as in a pack, or one after the other."""
PATIENCE = 300
"""Seconds that the first workers wait for the last."""


def train_trial(payload: dict[str, Any]) -> None:
    """Takes the place of `cluster.trial.train_trial`."""
    from ray import tune

    template, seconds = Path(os.environ[TEMPLATE]), float(os.environ[SECONDS])
    files = {file.name: file.read_bytes() for file in template.iterdir()}
    meet(template.with_name("workers"), int(os.environ[WORKERS]))
    together = os.environ[TOGETHER] == "1"
    if together:
        time.sleep(seconds)
    for number, piece in enumerate(payload["pieces"]):
        for fold in piece["folds"]:
            if not together:
                time.sleep(seconds)
            write(Path(payload["home"]["store"]) / "folds" / piece["fingerprint"] / piece["split"] / f"fold-{fold:02d}", files)
            told = {"protocol": payload["protocol"], "piece": number, "fold": fold, "trained": True, "failure": ""}
            tune.report({**told, "seconds": seconds, "gpu_seconds": 0.0})


def meet(folder: Path, workers: int) -> None:
    """Waits until all workers have started: Tune gives a free worker to the next trial and ends the one that starts for it."""
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + PATIENCE
    while len(list(folder.iterdir())) < workers and time.monotonic() < end:
        time.sleep(0.1)


def write(place: Path, template: dict[str, bytes]) -> None:
    """Writes a record as RunStore does, without waiting for the disk."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.parent / f".{place.name}.{uuid.uuid4().hex}"
    draft.mkdir()
    for name, content in template.items():
        (draft / name).write_bytes(content)
    draft.rename(place)
