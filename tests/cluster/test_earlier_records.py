"""A store that an earlier version has filled is named once, and its tables stay."""

import dataclasses
import json
from pathlib import Path

import ser_core
from cluster.earlier_records import earlier_versions
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey, RunStore


def study(store: RunStore, fingerprint: str, program: str) -> StudyRecord:
    """A study of one fold, recorded by this version of the program."""
    key = FoldKey(fingerprint, "split", 1)
    fields = {
        **dict.fromkeys(("seed", "chosen_epoch"), 0),
        "held_out": "",
        "config": {},
        "card": {},
        "sizes": {},
        "dev": {},
        "epochs": [],
        "seconds": 1.0,
        "skipped": {},
        "environment": {"program": program},
    }
    store.place(key).mkdir(parents=True)
    (store.place(key) / "record.json").write_text(json.dumps(fields))
    trial = Trial("concat", 0, ("seed=0",), (key,))
    return StudyRecord(f"fusion-{fingerprint}", "ablation", "fusion", "?", "uar", ["a=1"], [trial], "ser ablate fusion")


def test_a_study_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    now = study(store, "new", str(ser_core.EDITION))
    assert earlier_versions(now, store) == []
    study(store, "old", "7").save(store)
    (sentence,) = earlier_versions(now, store)
    assert "trained by an earlier version" in sentence and "ser report fusion-old" in sentence
    assert earlier_versions(dataclasses.replace(now, base=["a=2"]), store) == []
    now.save(store)
    assert earlier_versions(now, store) == []


def test_another_split_of_this_version_is_not_an_earlier_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    study(store, "other", str(ser_core.EDITION)).save(store)
    assert earlier_versions(study(store, "new", str(ser_core.EDITION)), store) == []
