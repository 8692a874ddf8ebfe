"""Studies made up for tests of looks, with one fold per speaker, and a look at their table."""

import dataclasses

import pandas as pd
import pytest

from cluster.looks.plan_file import PlanAsked, planned_as, write_plan
from cluster.looks.study_looks import look_at
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from ser_core.cross_validation.records import RunStore
from tests.ablations.conftest import outcome

FIRST = "Looks: no earlier table in this store shows test scores of these speakers."


def predictions_of(speakers, label="anger", text="", **more):
    rows = [(f"{speaker}-{number}", speaker) for speaker in speakers for number in range(3)]
    table = pd.DataFrame(rows, columns=["utterance", "speaker"])
    return table.assign(**{"emotion.target": label, "transcript.target": text, **more})


def under_folds(one, folds):
    """The same fold under other settings of the folds, which are part of its fingerprint."""
    if not folds:
        return one
    key = dataclasses.replace(one.record.key, fingerprint=f"{one.record.key.fingerprint}-{folds}")
    config = {**one.record.config, "folds": {"seed": folds}}
    return dataclasses.replace(one, record=dataclasses.replace(one.record, key=key, config=config))


def study(variants=("concat", "bridge"), seeds=2, split="one", speakers=("s1", "s2"), name="fusion", folds="", **tables):
    """The outcomes of a study with one fold per speaker, and its record. `folds` are other settings of the folds."""
    found = [
        under_folds(outcome(variant, seed, fold, {"uar": 0.5}, predictions_of([speaker], **tables), split), folds)
        for variant in variants
        for seed in range(seeds)
        for fold, speaker in enumerate(speakers, start=1)
    ]
    trials = [
        Trial(variant, seed, (), tuple(one.record.key for one in found if (one.variant, one.record.seed) == (variant, seed)))
        for variant in variants
        for seed in range(seeds)
    ]
    record = StudyRecord(f"{name}-1", "ablation", name, "?", "uar", [], trials, f"ser ablate {name} --seeds {seeds}")
    return record, found


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def look(store, *, judged=None, plan=0, **asked):
    record, found = study(**asked)
    if plan:
        write_plan(record, store, planned_as(record, PlanAsked("bridge beats concat", plan)))
    return look_at(record, store, found, judged)
