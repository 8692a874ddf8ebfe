"""The seam: progress, then a result per fold; what is recorded is never trained again; a stop leaves nothing half done."""

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ser_core.config.tree import Config
from ser_core.cross_validation.cross_validate import FoldResult, PackEpoch, Progress, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError, TrainingError
from ser_core.evaluation.baselines import BASELINES
from tests.conftest import Configure

Events = list[Progress | PackEpoch | FoldResult]

MIDWAY = """
import sys, time
from ser_core.config.compose import compose
from ser_core.cross_validation.cross_validate import cross_validate

for event in cross_validate(compose(sys.argv[1:]), folds=[1]):
    print(event, flush=True)
    time.sleep(60)
"""
"""Trains the first epoch of a fold and dawdles."""


def run(config: Config, inputs: Dataset, folds: list[int] | None = None) -> Events:
    return list(cross_validate(config, folds, planned=plan(config, dataset=inputs)))


def trained(events: Events) -> dict[int, bool]:
    return {event.record.key.fold: event.trained for event in events if isinstance(event, FoldResult)}


def records(config: Config) -> list[Path]:
    return sorted(Path(config.run.store).rglob("record.json"))


def test_progress_comes_first_and_a_result_ends_each_fold(configure: Configure, inputs: Dataset) -> None:
    events = run(configure("optim.epochs=3", "optim.patience=3"), inputs, [2, 4])
    assert [type(event).__name__ for event in events] == ["Progress", "Progress", "Progress", "FoldResult"] * 2
    assert trained(events) == {2: True, 4: True}
    progress = [event for event in events[:3] if isinstance(event, Progress)]
    assert [(event.fold, event.epoch, event.spent) for event in progress] == [(2, 1, 1 / 3), (2, 2, 2 / 3), (2, 3, 1.0)]


def test_a_record_says_what_was_done(configure: Configure, inputs: Dataset) -> None:
    config = configure()
    run(config, inputs, [3])
    planned = plan(config, dataset=inputs)
    record = RunStore(config.run.store).load(planned.key(3))
    assert record.sizes.items() >= {"train": 48, "dev": 24, "test": 24}.items() and record.sizes["parameters"] > 100
    assert record.held_out == "speaker 03" and record.seed == 0 and record.config["model"]["width"] == 16
    assert record.card["split"] == planned.folds.hash and record.card["utterances"] == 96
    assert 1 <= record.chosen_epoch <= len(record.epochs) == 2
    assert {"uar", "wa", "ccc.valence"} <= set(record.dev)
    part = RunStore(config.run.store).open_test(record.key)
    assert set(part.predictions["speaker"]) == {"03"} and len(part.predictions) == 24
    assert list(part.baselines) == sorted({*BASELINES} - {"annotator"}), "the demo corpus has no votes"
    assert set(part.metrics) == set(record.dev)


def test_only_what_is_missing_is_trained(configure: Configure, inputs: Dataset) -> None:
    config = configure()
    assert trained(run(config, inputs, [2])) == {2: True}
    assert trained(run(config, inputs)) == {1: True, 2: False, 3: True, 4: True}
    again = run(config, inputs)
    assert trained(again) == dict.fromkeys(range(1, 5), False)
    assert not any(isinstance(event, Progress) for event in again)


def test_the_same_config_writes_the_same_bytes_in_two_stores(configure: Configure, inputs: Dataset) -> None:
    kept = []
    for store in ("one", "other"):
        config = configure("model.fusion=bridge", store=store)
        run(config, inputs, [1])
        (place,) = (file.parent for file in records(config))
        record = json.loads((place / "record.json").read_text())
        assert record.pop("seconds") > 0
        assert 0.01 < record.pop("spent")["memory_gb"] < 1000
        assert record["config"].pop("run")["store"].endswith(store)
        kept.append((record, {file.name: file.read_bytes() for file in place.iterdir() if file.name != "record.json"}))
    assert kept[0] == kept[1]


def test_the_consumer_may_stop(configure: Configure, inputs: Dataset) -> None:
    config = configure()
    events = cross_validate(config, planned=plan(config, dataset=inputs))
    assert isinstance(next(events), Progress)
    events.close()  # type: ignore[attr-defined]
    assert not records(config)
    assert trained(run(config, inputs, [1])) == {1: True}


def test_a_killed_process_leaves_no_half_record_and_no_lock(configure: Configure, inputs: Dataset) -> None:
    config = configure()
    knobs = [
        f"run.store={config.run.store}",
        "corpus.speakers=4",
        "corpus.sentences=6",
        "model.width=16",
        "model.text.buckets=64",
    ]
    knobs += ["optim.epochs=2", "optim.batch=16", "run.device=cpu"]
    process = subprocess.Popen([sys.executable, "-c", MIDWAY, *knobs], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().startswith("Progress(fold=1, epoch=1")
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not records(config)
    assert trained(run(config, inputs, [1])) == {1: True}
    assert len(records(config)) == 1


def test_a_fold_that_cannot_be_trained_leaves_the_others_recorded(configure: Configure, inputs: Dataset) -> None:
    config = configure("optim.learning_rate=1e30")
    with pytest.raises(TrainingError):
        run(config, inputs)
    assert not records(config)
    assert trained(run(configure(), inputs, [1])) == {1: True}


@pytest.mark.parametrize("number", [0, 5, -1])
def test_a_fold_that_does_not_exist_is_refused(number: int, configure: Configure, inputs: Dataset) -> None:
    with pytest.raises(SettingError, match=f"there is no fold {number}: lospo has folds 1 to 4"):
        run(configure(), inputs, [number])


def test_asking_in_vain_for_a_task_is_not_asking(configure: Configure, inputs: Dataset) -> None:
    corpus = dataclasses.replace(inputs.corpus, table=inputs.corpus.table.assign(gender=""))
    bare = dataclasses.replace(inputs, corpus=corpus)
    asked, silent = (plan(configure(f"tasks.gender.weight={weight}"), dataset=bare) for weight in (0.5, 0))
    assert asked.keys == silent.keys
    assert plan(configure("tasks.gender.weight=0.5"), dataset=inputs).fingerprint != asked.fingerprint


def test_a_plan_trains_nothing_and_reads_the_corpus_itself(configure: Configure, inputs: Dataset) -> None:
    config = configure()
    assert plan(config).keys == plan(config, dataset=inputs).keys
    assert not records(config)


@pytest.mark.parametrize(
    "overrides", [(), ("weighting=uncertainty", "stages=two"), ("folds=kfold", "folds.count=2", "optim.pack=2")]
)
def test_a_plan_under_another_seed_is_the_plan_made_with_it(
    overrides: tuple[str, ...], configure: Configure, inputs: Dataset
) -> None:
    made, wanted = (plan(configure(*overrides, f"seed={seed}"), dataset=inputs) for seed in (0, 3))
    turned = made.under_seed(3)
    assert turned.keys == wanted.keys != made.keys
    assert (turned.config, turned.card, turned.channels) == (wanted.config, wanted.card, wanted.channels)
