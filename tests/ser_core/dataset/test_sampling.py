"""Balanced epochs in training: refused where nothing can be balanced, another model where it can, the same for the same seed."""

import dataclasses

import pytest
import torch

from ser_core.config.compose import compose
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset, draw_shares
from ser_core.errors import SettingError
from ser_core.training.epoch import draw_epoch, train_epoch
from ser_core.training.train_state import begin_stage, new_model
from tests.conftest import Configure

BALANCED = ("optim.sampling=balanced", "tasks.emotion.class_weights=none")


def rare(inputs: Dataset) -> list[int]:
    """Training rows of which three emotions have few."""
    emotions = inputs.corpus.column("emotion").tolist()
    return [row for row, name in enumerate(emotions) if name == "anger" or row % 5 == 0]


def test_emotions_are_drawn_alike(inputs: Dataset) -> None:
    rows, emotions = rare(inputs), inputs.corpus.column("emotion")
    shares = draw_shares(inputs, rows, "balanced")
    each = {name: sum(share for row, share in zip(rows, shares, strict=True) if emotions[row] == name) for name in set(emotions)}
    assert list(each.values()) == pytest.approx([0.25] * 4)
    assert draw_shares(inputs, rows, "shuffled") == []


def test_a_balanced_course_repeats_itself_and_differs_from_a_shuffled_one(configure: Configure, inputs: Dataset) -> None:
    rows, states = rare(inputs), []
    for knobs in (BALANCED, BALANCED, BALANCED[1:]):
        config = configure(*knobs)
        course = begin_stage(config, inputs, new_model(config, inputs, rows, 1), rows, 1, 0, 1)
        train_epoch(config, inputs, course, 1)
        states.append(course.model.state_dict()["stems.speech.project"])
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_a_corpus_without_emotions_is_refused_before_training(configure: Configure, inputs: Dataset) -> None:
    corpus = dataclasses.replace(inputs.corpus, table=inputs.corpus.table.assign(emotion=""))
    bare = dataclasses.replace(inputs, corpus=corpus)
    message = r"needs at least two emotions .* corpus demo does not have them; use optim\.sampling=shuffled"
    with pytest.raises(SettingError, match=message):
        plan(configure(*BALANCED, "tasks.emotion.weight=0"), dataset=bare)
    plan(configure("tasks.emotion.weight=0"), dataset=bare)


def test_a_stage_may_draw_balanced_where_another_draws_each_utterance_once(configure: Configure, inputs: Dataset) -> None:
    config = configure("stages=two", "stages.second.sampling=balanced", BALANCED[1])
    rows, drawn = rare(inputs), []
    for number in range(2):
        state = begin_stage(config, inputs, new_model(config, inputs, rows, 1), rows, 1, number, 1)
        drawn.append(sorted(row for batch, _ in draw_epoch(config, inputs, state) for row in batch))
    assert drawn[0] == sorted(rows) and drawn[1] != sorted(rows) and len(drawn[1]) == len(rows)
    with pytest.raises(SettingError, match="count rare emotions up twice"):
        compose(["stages=two", "stages.second.sampling=balanced"])
    with pytest.raises(SettingError, match="sampling must be one of shuffled, balanced"):
        compose(["stages.first.sampling=random"])


def test_rare_emotions_are_counted_up_once_only() -> None:
    with pytest.raises(SettingError, match=r"count rare emotions up twice; add tasks\.emotion\.class_weights=none"):
        compose(["optim.sampling=balanced"])
    compose(["optim.sampling=balanced", "tasks.emotion.weight=0"])
    with pytest.raises(SettingError, match=r"optim\.sampling must be one of shuffled, balanced"):
        compose(["optim.sampling=random"])
