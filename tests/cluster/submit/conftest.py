"""Stores with records that were written without training, and jobs that were never submitted."""

import json
import os
from pathlib import Path

import pytest

from cluster.submit.job import Job
from ser_core.cross_validation.records import FILES, FoldKey, RunStore, SealedRecord


def fill(folder: Path, folds: int = 3, size: int = 1000) -> RunStore:
    """A store with one study and incompressible records whose test part nobody can read."""
    store = RunStore(folder)
    for fold in range(1, folds + 1):
        store.receive(SealedRecord(FoldKey("0a1b2c3d", "4e5f", fold), {name: os.urandom(size) for name in FILES}))
    study = store.folder / "studies" / "fusion-123456"
    study.mkdir(parents=True)
    (study / "table.md").write_text("| a | b |\n")
    keys = [{"fingerprint": "0a1b2c3d", "split": "4e5f", "fold": fold} for fold in range(1, folds + 1)]
    trial = {"variant": "bridge", "seed": 0, "overrides": [], "keys": keys, "pack": 1}
    fields = {
        "id": study.name,
        "kind": "ablation",
        "name": "fusion",
        "question": "?",
        "primary": "uar",
        "base": [],
        "command": "-",
    }
    (study / "study.json").write_text(json.dumps({**fields, "trials": [trial]}))
    for file in study.iterdir():
        os.utime(file, (1.7e9, 1.7e9))
    (store.folder / "looks.jsonl").write_text('{"when": "now"}\n')
    (store.folder / "looks").mkdir(exist_ok=True)
    (store.folder / "looks" / "0a1b.json").write_text("{}")
    (store.folder / "mlflow.db").write_text("stays")
    return store


def files(store: RunStore) -> dict[str, bytes]:
    """Every file of a store that is no lock, with its content."""
    found = [file for file in store.folder.rglob("*") if file.is_file() and not file.name.endswith(".lock")]
    return {str(file.relative_to(store.folder)): file.read_bytes() for file in found}


@pytest.fixture
def filled(tmp_path: Path) -> RunStore:
    return fill(tmp_path / "there")


@pytest.fixture
def job() -> Job:
    return Job("ablate-fusion-3f9a", "ray", ("ablate", "fusion", "corpus.root=/my $HOME/it's", "--seeds", "2"), {}, "/here")
