"""Training a fold with helper tasks: all of them learn together, memories are a course's own, and what is written of them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch.func import functional_call

from ser_core.config.tree import Config
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import build_model
from ser_core.training.epoch import train_epoch
from ser_core.training.evaluate import development_score, predict
from ser_core.training.train_state import begin_stage, new_model
from tests.conftest import Configure

HELPERS = ("gender", "transcript", "speaker", "contrast", "augmented_contrast")
ALL = (*(f"tasks.{name}.weight=0.1" for name in HELPERS), "tasks.dimensions.memory=24", "tasks.contrast.memory=24")


@pytest.fixture
def config(configure: Configure) -> Config:
    return configure(*ALL)


@pytest.fixture
def sparse(inputs: Dataset) -> Dataset:
    """The inputs with transcripts cut to their first letters, so that most fit the few frames of the small corpus."""
    return dataclasses.replace(inputs, targets={**inputs.targets, "transcript": inputs.targets["transcript"][:, :8]})


def test_each_loss_reaches_the_stem_of_speech(config: Config, sparse: Dataset) -> None:
    model, rows = build_model(config, sparse, torch.arange(96), 1), list(range(96))
    batch = sparse.batch(rows)
    for name in ("emotion", "dimensions", *HELPERS):
        parameters = dict(model.named_parameters())
        losses = functional_call(model, parameters, (batch, DropoutKey(None)))[1]
        (gradient,) = torch.autograd.grad(losses[name], [parameters["stems.speech.project"]])
        assert gradient.isfinite().all() and gradient.any(), name


def test_a_course_remembers_what_it_has_seen_and_repeats_itself(config: Config, sparse: Dataset) -> None:
    rows = list(range(0, 96, 2))
    courses = [begin_stage(config, sparse, new_model(config, sparse, rows, 1), rows, 1, 0, epochs=2) for _ in range(2)]
    assert set(courses[0].memory) == {"dimensions", "contrast", "augmented_contrast"}
    assert (courses[0].memory["contrast"].targets == -1).all() and courses[0].memory["dimensions"].targets.isnan().all()
    losses = [[train_epoch(config, sparse, course, epoch) for epoch in (1, 2)] for course in courses]
    assert losses[0] == losses[1]
    one, again = (course.memory["contrast"] for course in courses)
    assert torch.equal(one.outputs, again.outputs) and not one.outputs.requires_grad
    assert set(one.targets[:, 1].tolist()) < set(rows) and len(set(one.targets[:, 1].tolist())) == 24


def test_a_memory_changes_what_is_learned_and_nothing_that_is_predicted(configure: Configure, sparse: Dataset) -> None:
    rows, states = list(range(48)), []
    for size in (0, 24):
        config = configure(*ALL[:-1], f"tasks.contrast.memory={size}")
        course = begin_stage(config, sparse, new_model(config, sparse, rows, 1), rows, 1, 0, epochs=1)
        train_epoch(config, sparse, course, 1)
        states.append(course.model.state_dict())
        before, after = (predict(config, sparse, course.model, rows[:5]) for _ in range(2))
        pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert not torch.equal(states[0]["stems.speech.project"], states[1]["stems.speech.project"])


def test_speakers_outside_the_training_part_are_no_classes(config: Config, inputs: Dataset) -> None:
    fold = plan(config, dataset=inputs).folds.folds[0]
    head = build_model(config, inputs, torch.as_tensor(fold.train), 1).heads["speaker"]
    speakers = inputs.corpus.column("speaker")
    heard = sorted(set(speakers.tolist()))
    assert [heard[index] for index in head.heard.nonzero()[:, 0].tolist()] == sorted(set(speakers[fold.train].tolist()))  # type: ignore[operator, union-attr]
    output = torch.zeros(2, 4, requires_grad=True)
    loss = head.loss(output, inputs.targets["speaker"][[int(fold.train[0]), int(fold.test[0])]])  # type: ignore[operator]
    loss.backward()
    trained = len(set(speakers[fold.train].tolist()))
    assert loss.item() == pytest.approx(np.log(trained))
    assert output.grad is not None and not output.grad[1].any()
    assert not output.grad[0][~head.heard].any()  # type: ignore[index]


def test_a_record_tells_what_was_predicted_and_what_was_left_out(config: Config, inputs: Dataset) -> None:
    planned = plan(config, dataset=inputs)
    (*_, result) = cross_validate(config, [1], planned=planned)
    assert isinstance(result, FoldResult)
    columns = list(RunStore(config.run.store).open_test(result.record.key).predictions)
    assert {"transcript.target", "transcript.predicted", "gender.target"} <= set(columns)
    assert not [column for column in columns if column.startswith(("speaker.", "contrast", "augmented"))]
    assert 0 < result.record.sizes["transcript.left_out"] <= result.record.sizes["train"]
    assert result.record.dev["transcript.cer"] >= 0
    assert set(HELPERS) <= set(result.record.epochs[0])


@pytest.mark.parametrize("name", ["transcript", "contrast"])
def test_helpers_alone_are_watched_by_their_loss(name: str, configure: Configure, inputs: Dataset) -> None:
    config = configure("tasks.emotion.weight=0", "tasks.dimensions.weight=0", f"tasks.{name}.weight=1")
    model = build_model(config, inputs, torch.arange(48), 1)
    assert -100 < development_score(config, inputs, model, list(range(48, 72))) <= 0


def test_other_knobs_have_other_targets_over_the_same_inputs(configure: Configure, inputs: Dataset) -> None:
    made = plan(configure("tasks.dimensions.names=[arousal]"), dataset=inputs)
    assert made.dataset.targets["dimensions"].shape == (96, 1) and inputs.targets["dimensions"].shape == (96, 3)
    with pytest.raises(SettingError, match="target=votes: corpus demo has no votes"):
        plan(configure("tasks.emotion.target=votes"), dataset=inputs)


def test_without_speech_there_is_no_transcript(configure: Configure, inputs: Dataset) -> None:
    written = dataclasses.replace(inputs, channels={"text": inputs.channels["text"]})
    made = plan(configure("tasks.transcript.weight=0.5", "model.speech=none"), dataset=written)
    assert made.config.tasks.transcript.weight == 0
