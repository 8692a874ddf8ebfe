"""Stages: each trains what it names under its own weights and hands on its best; a kill anywhere changes nothing."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from ser_core.config.identity import fingerprint
from ser_core.config.tree import Config
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import SettingError
from ser_core.folds import Fold
from ser_core.keyed_dropout import DropoutKey
from ser_core.stages import PARTS, STAGES, TaskWeights
from ser_core.tasks import TASKS
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.fit import Fitted, first_phase, fit, train_phase
from ser_core.training.frozen_states import precompute_frozen
from ser_core.training.train_state import begin_stage, new_model
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import speech_checkpoint

TWO = ("stages=two", "tasks.gender.weight=0.5", "stages.first.weights.emotion=0", "stages.first.weights.dimensions=0")
QUICK = ("optim.epochs=3", "optim.patience=3", "optim.learning_rate=0.01")


@pytest.fixture
def tuned(configure: Configure, tmp_path: Path):
    """A configuration over a tiny speech checkpoint with two trained layers, by its own overrides."""
    folder = speech_checkpoint(tmp_path / "speech", "wavlm")
    return lambda *overrides: configure(
        "model.speech=checkpoint", f"model.speech.path={folder}", "model.speech.tune=2", "model.speech.rate=1", *QUICK, *overrides
    )


def first_fold(config: Config, inputs: Dataset) -> Fold:
    return plan(config, dataset=inputs).folds.folds[0]


def fitted(config: Config, inputs: Dataset, keeper: Checkpoint | None = None, stop: int = 0) -> Fitted | None:
    """The trained fold, or None when it is abandoned after so many epochs."""
    training = fit(config, inputs, first_fold(config, inputs), keeper)
    for done in range(1, 1000):
        try:
            next(training)
        except StopIteration as end:
            return end.value
        if done == stop:
            training.close()
            return None
    return None


def moved(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], named: str) -> bool:
    return any(not torch.equal(one[name], other[name]) for name in one if named in name)


def test_every_task_has_a_weight_in_a_stage() -> None:
    assert tuple(field.name for field in dataclasses.fields(TaskWeights)) == tuple(TASKS)


@pytest.mark.parametrize("name", STAGES)
def test_stages_left_open_are_as_optim_and_tasks_say(name: str, configure: Configure) -> None:
    config = configure(f"stages={name}", "optim.batch=7", "optim.patience=4")
    plans = config.stage_plans()
    assert [stage.name for stage in plans] == ["first", "second", "third"][: len(plans)] and len(plans) == len(
        config.stages.all()
    )
    for stage in plans:
        assert (stage.epochs, stage.patience, stage.batch) == (config.optim.epochs, 4, 7)
        assert stage.trains == set(PARTS)
        assert stage.weights == {task: option.weight for task, option in config.tasks.active().items()}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("stages=two", "stages.first.weights.gender=0.5", "tasks.gender.weight=0"), "tasks.gender.weight=0 removes that task"),
        (("stages.first.trains=[head]",), "there is no part 'head'; choose from heads, fusion, adapters, encoder"),
        (("stages.first.epochs=0",), "epochs must be at least 1, got 0"),
        (("stages.first.weights.emotion=-1",), "weights.emotion must be at least 0, got -1"),
        (("stages.second.epochs=2",), "unknown key stages.second.epochs"),
        (("stages.first.encoder_rate=-1",), "encoder_rate must be at least 0"),
    ],
)
def test_impossible_stages_are_refused(overrides: tuple[str, ...], message: str, configure: Configure) -> None:
    with pytest.raises(SettingError, match=message.replace("[", r"\[")):
        configure(*overrides)


def test_a_stage_without_tasks_or_parts_is_refused(configure: Configure, inputs: Dataset) -> None:
    idle = configure("stages=two", *(f"stages.first.weights.{task}=0" for task in TASKS))
    with pytest.raises(SettingError, match=r"stages\.first has no task left"):
        fitted(idle, inputs)
    with pytest.raises(SettingError, match=r"stages\.first trains nothing"):
        fitted(configure("stages.first.trains=[encoder]"), inputs)


def test_a_weight_for_a_task_that_the_corpus_lacks_is_no_other_experiment(configure: Configure, inputs: Dataset) -> None:
    plain, styled = configure("stages=two"), configure("stages=two", "tasks.style.weight=1", "stages.first.weights.style=0.3")
    assert fingerprint(plain.settled(inputs.corpus)) == fingerprint(styled.settled(inputs.corpus)) != fingerprint(styled)


def test_a_stage_trains_what_it_names_and_counts_its_own_tasks(configure: Configure, inputs: Dataset) -> None:
    config = configure(*TWO, *QUICK, "stages.second.trains=[heads]", "optim.refit=false")
    found = fitted(config, inputs)
    assert found is not None
    rows = first_fold(config, inputs).train.tolist()
    start, between, end = new_model(config, inputs, rows, 1).state_dict(), found.between[0], found.model.state_dict()
    assert moved(start, between, "stems.") and moved(start, between, "heads.gender")
    assert not moved(start, between, "heads.emotion")
    assert not moved(between, end, "stems.") and not moved(between, end, "fusion") and moved(between, end, "heads.emotion")
    assert {"gender"} == {name for name in TASKS if name in found.epochs[0]}
    assert {"emotion", "gender"} <= set(found.epochs[-1])
    assert [entry["epoch"] for entry in found.epochs] == list(range(1, len(found.epochs) + 1))
    assert {entry["stage"] for entry in found.epochs} == {1.0, 2.0}


def test_the_second_of_two_equal_stages_goes_on_where_the_first_stopped(configure: Configure, inputs: Dataset) -> None:
    two = configure(
        "stages=two", *QUICK, "stages.first.patience=0", "stages.second.heads_rate=0", "stages.second.fusion_rate=1e-12"
    )
    found = fitted(two, inputs)
    one = fitted(configure(*QUICK, "stages.first.patience=0"), inputs)
    assert found is not None and one is not None
    state = one.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in found.between[0].items())
    assert all(torch.allclose(value, state[name], atol=1e-6) for name, value in found.model.state_dict().items())


def test_patience_0_keeps_the_last_epoch(configure: Configure, inputs: Dataset) -> None:
    found = fitted(configure("optim.epochs=4", "optim.patience=1", "stages.first.patience=0"), inputs)
    assert found is not None and found.chosen_epoch == len(found.epochs) == 4


def test_the_upper_layers_thaw_at_their_own_rate(tuned: Any) -> None:
    config = tuned("stages=two", "stages.first.trains=[heads,fusion]", "stages.second.top=1", "optim.refit=false")
    inputs = plan(config).dataset
    found = fitted(config, inputs)
    assert found is not None
    rows = first_fold(config, inputs).train.tolist()
    start, between, end = new_model(config, inputs, rows, 1).state_dict(), found.between[0], found.model.state_dict()
    assert not moved(start, between, ".top.")
    assert not moved(between, end, ".top.layers.0.") and moved(between, end, ".top.layers.1.")


def test_batches_by_length_end_with_the_schedule_of_a_stage_whose_encoder_is_frozen(tuned: Any) -> None:
    """Although its states have fewer steps than what the schedule was drawn ahead by."""
    config = tuned("stages=two", "stages.second.trains=[heads]", "optim.batching=length", "optim.batch=6", "optim.refit=false")
    inputs = plan(config).dataset
    phase = first_phase(config, inputs, first_fold(config, inputs), Checkpoint())
    ends = [(phase.progress.epoch, phase.state.rates.get_last_lr()[0]) for _ in train_phase(phase)]
    assert [epoch for epoch, _ in ends] == [1, 2, 3, 1, 2, 3]
    assert [rate for epoch, rate in ends if epoch == 3] == pytest.approx([0, 0], abs=1e-12)


def test_a_frozen_encoder_is_read_from_the_store_and_a_trained_one_computed_once(tuned: Any) -> None:
    config = tuned("stages=two", "stages.second.trains=[heads]")
    inputs = plan(config).dataset
    rows = list(range(8))
    model = new_model(config, inputs, rows, 1)
    stem = model.stems["speech"]
    assert isinstance(stem, TunedStem)
    plain = stem(inputs.batch(rows).streams["speech"], DropoutKey(None))
    begin_stage(config, inputs, model, rows, 1, 0)
    assert (
        precompute_frozen(config, inputs, model, rows, False).channels["speech"] is inputs.channels["speech"] and not stem.skips
    )
    begin_stage(config, inputs, model, rows, 1, 1)
    for trained in (False, True):
        seen = precompute_frozen(config, inputs, model, rows, trained)
        assert stem.skips and (seen.channels["speech"].sequences is inputs.channels["speech"].frozen) == (not trained)
        assert torch.allclose(stem(seen.batch(rows).streams["speech"], DropoutKey(None)).steps, plain.steps, atol=2e-2)


@pytest.mark.parametrize(
    ("weighting", "every", "batching"),
    [("uncertainty", 1, "count"), ("dwa", 4, "length"), ("famo", 3, "count"), ("rlw", 3, "count")],
)
def test_a_fold_abandoned_after_any_epoch_goes_on_to_the_same_bits(
    weighting: str, every: int, batching: str, configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    contrast = ("tasks.contrast.weight=0.1", "tasks.contrast.memory=16")
    contrast = (*contrast, f"optim.batching={batching}")
    config = configure(*TWO, *QUICK, *contrast, f"weighting={weighting}", "folds.dev=speakers", "model.masking=epoch")
    whole = fitted(config, inputs)
    assert whole is not None
    for stop in range(every, len(whole.epochs) + 1, every):
        keeper = tmp_path / f"state-{stop}"
        assert fitted(config, inputs, Checkpoint(keeper), stop) is None
        again = fitted(config, inputs, Checkpoint(keeper))
        assert again is not None and again.epochs == whole.epochs and again.chosen_epoch == whole.chosen_epoch
        pd.testing.assert_frame_equal(again.dev_predictions, whole.dev_predictions, check_exact=True)
        assert not moved(again.model.state_dict(), whole.model.state_dict(), "")


def test_a_state_at_the_end_of_patience_trains_no_further(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    config = configure("optim.epochs=9", "optim.patience=1", "optim.learning_rate=0.3", "optim.refit=false")
    whole = fitted(config, inputs)
    assert whole is not None and len(whole.epochs) < 9
    assert fitted(config, inputs, Checkpoint(tmp_path / "state"), len(whole.epochs)) is None
    again = fitted(config, inputs, Checkpoint(tmp_path / "state"))
    assert again is not None and again.epochs == whole.epochs and again.chosen_epoch == whole.chosen_epoch


def test_a_damaged_state_counts_as_none(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    config, file = configure(*QUICK), tmp_path / "state"
    assert fitted(config, inputs, Checkpoint(file), 2) is None
    file.write_bytes(file.read_bytes()[:1000])
    one, other = fitted(config, inputs, Checkpoint(file)), fitted(config, inputs)
    assert one is not None and other is not None and one.epochs == other.epochs


def results(config: Config, folder: Path) -> tuple[Any, pd.DataFrame, dict[str, float]]:
    (*_, last) = cross_validate(dataclasses.replace(config, run=dataclasses.replace(config.run, store=str(folder))), [1])
    assert isinstance(last, FoldResult)
    test = RunStore(folder).open_test(last.record.key)
    return last.record, test.predictions, test.metrics


def test_the_test_part_is_scored_after_every_stage(configure: Configure, tmp_path: Path) -> None:
    record, _, metrics = results(configure(*TWO, *QUICK), tmp_path)
    assert "gender.uar@first" in metrics and "uar@first" not in metrics and "uar" in metrics
    assert not [name for name in record.dev if "@" in name]


KILLED = """
import sys
from ser_core.config.compose import compose
from ser_core.cross_validation.cross_validate import cross_validate
for event in cross_validate(compose(sys.argv[1:]), [1]):
    print(getattr(event, "epoch", "done"), flush=True)
"""


def test_a_process_killed_in_the_second_stage_ends_in_the_same_predictions(configure: Configure, tmp_path: Path) -> None:
    """A real kill -9, in the middle of whatever the process does after its fifth epoch; the other machine has more cores."""
    overrides = ["corpus.speakers=4", "corpus.sentences=6", "model.width=16", "optim.epochs=4", "optim.patience=4", *TWO]
    overrides += ["run.device=cpu", "run.checkpoint_seconds=0", f"run.store={tmp_path / 'killed'}"]
    run = [sys.executable, "-c", KILLED, *overrides]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout is not None
        seen = [line for line in iter(process.stdout.readline, "5\n") if line]
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (state,) = (tmp_path / "killed").rglob("*.state")
    again = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert seen[0] == "1\n" and again[0] not in ("1", "2", "3", "4") and again[-1] == "done"
    assert not state.exists()
    fresh_run = [each if "run.store" not in each else f"run.store={tmp_path / 'whole'}" for each in run]
    subprocess.run(fresh_run, capture_output=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "3"})
    for name in ("predictions-test.parquet", "predictions-dev.parquet", "test.json"):
        (one,), (other,) = (list((tmp_path / place).rglob(name)) for place in ("killed", "whole"))
        assert one.read_bytes() == other.read_bytes(), name
