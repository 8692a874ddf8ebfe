"""The baselines that every table shows below the models: one file per baseline. BASELINES is the only list.

All of them learn from the data that the tested model may train on, including the development part if it may join.
"""

import hashlib
import json
from pathlib import Path

from ser_core.content_hashes import write_atomically
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.baselines.annotator import ANNOTATOR
from ser_core.evaluation.baselines.baseline import Baseline, Scores, known
from ser_core.evaluation.baselines.chance import CHANCE
from ser_core.evaluation.baselines.class_oracle import CLASS_ORACLE
from ser_core.evaluation.baselines.linear import LINEAR
from ser_core.evaluation.baselines.lookup import LOOKUP
from ser_core.evaluation.baselines.majority import MAJORITY
from ser_core.folds import Fold
from ser_core.metrics import METRICS

BASELINES: dict[str, Baseline] = {
    "chance": CHANCE,
    "majority": MAJORITY,
    "lookup": LOOKUP,
    "linear": LINEAR,
    "class_oracle": CLASS_ORACLE,
    "annotator": ANNOTATOR,
}
EDITION = 3
"""Increased when a baseline with the same name computes something else."""


def cached_baselines(folder: Path, split: str, channels: str, fold: int) -> Path:
    """Returns the file in `folder` that caches a fold's baselines. Another set of baselines or metrics has another file."""
    asked = json.dumps([EDITION, *BASELINES, *METRICS])
    return folder / f"{split}-{channels}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}" / f"fold-{fold:02d}.json"


def baselines(dataset: Dataset, fold: Fold, place: Path) -> dict[str, Scores]:
    """Returns the test metrics of every baseline that the corpus allows, for one fold; {} if emotions are not predicted.

    `place` is the cache file. Every variant and seed of a study uses the same one.
    """
    if place.exists():
        return json.loads(place.read_text())
    scores = _computed(dataset, fold)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, json.dumps(scores))
    return scores


def _computed(dataset: Dataset, fold: Fold) -> dict[str, Scores]:
    if "emotion" not in dataset.targets or len(set(dataset.corpus.column("emotion")[known(dataset.corpus, fold)])) < 2:
        return {}
    found = {name: baseline.scores(dataset, fold) for name, baseline in BASELINES.items()}
    return {name: scores for name, scores in found.items() if scores}


__all__ = ["BASELINES", "Baseline", "Scores", "baselines", "cached_baselines"]
