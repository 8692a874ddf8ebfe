"""A setting that changes nothing is named with the reason; one that changes what is trained never is."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.config.tree import Config
from ser_core.config.without_effect import settings_without_effect
from ser_core.corpus import Corpus
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.folds import make_folds
from tests.conftest import SMALL

BARE = ("model.text=none",)
CASES = (
    (("tasks.style.weight=0.5",), "tasks.style.weight=0.5 has no effect: the task needs utterances marked as scripted"),
    (("tasks.style.weight=0.5", "tasks.style.hidden=8"), "tasks.style.weight=0.5 and tasks.style.hidden=8 have no effect"),
    (("tasks.gender.hidden=8",), "tasks.gender.hidden=8 has no effect: tasks.gender.weight=0 leaves the task out"),
    (("tasks.self_contrast.weight=0.1",), "fewer than two of the tasks that it compares"),
    (("tasks.augmented_contrast.weight=0.1", "tasks.augmented_contrast.views=column"), "augmented versions"),
    (("tasks.transcript.weight=0.1", *BARE), None),
    (("tasks.transcript.weight=0.1", "model.speech=none"), "the task reads speech, but model.speech=none"),
    (("tasks.emotion.gamma=3",), "tasks.emotion.gamma=3 has no effect: tasks.emotion.loss=cross_entropy does not use it"),
    (("tasks.style.weight=0.5", "stages.first.weights.style=0.1"), "stages.first.weights.style=0.1 has no effect: task style"),
    (("weighting=dwa", "tasks.dimensions.weight=0"), "weighting=dwa has no effect: only one task is trained"),
    (("weighting=dwa", "weighting.temperature=3"), "change from epoch 3, but the longest stage ends after epoch 2"),
    (("weighting=dwa", "optim.epochs=3"), None),
    (("weighting.monitor=true", "tasks.dimensions.weight=0"), "weighting.monitor=true has no effect"),
    (("model.masking=utterance", "model.masking.probability=0.5", *BARE), "model.masking=utterance and model.masking.prob"),
    (("model.masking=utterance",), None),
    (("optim.patience=2",), "optim.patience=2 has no effect: no stage has more than 2 epochs"),
    (("folds.dev=none", "optim.refit=true", "optim.monitor=loss"), "optim.monitor=loss and optim.refit=true have no effect"),
    (("optim.layer_rate=3",), "optim.layer_rate=3 has no effect: no channel uses a weighted sum"),
    (("optim.bf16=false",), "optim.bf16=false has no effect: run.device=cpu"),
    (("stages.first.epochs=3", "optim.epochs=4"), "optim.epochs=4 has no effect: every stage sets its own (stages.first.epochs)"),
    (("stages.first.encoder_rate=0.5",), "this model has no encoder to train"),
    (("stages.first.trains=[fusion]", "stages.first.heads_rate=0.5"), "stages.first.trains leaves heads out"),
    (("stages.first.top=1",), "stages.first.top=1 has no effect: no layer of an encoder is trained"),
    (("audio.max_seconds=3", "model.speech=none"), "audio.max_seconds=3 has no effect: model.speech=none reads no audio"),
    (("run.on_bad_audio=skip", "model.speech=none"), "run.on_bad_audio=skip has no effect"),
    (("run.features_gb=1", "model.speech=none"), "run.features_gb=1 has no effect"),
    (("corpus.columns_file=x.csv",), "nothing reads its columns"),
    (("corpus.columns_file=x.csv", "conditions=[text:asr]"), None),
    (("folds.seed=3",), "folds.seed=3 has no effect: this split is not random"),
    (("folds=kfold", "folds.count=2", "folds.seed=3"), None),
    (("system=mmer2023", "model.width=16"), None),
)


def said(overrides: tuple[str, ...], corpus: Corpus) -> list[str]:
    keys = {each.partition("=")[0] for each in overrides}
    small = [each for each in SMALL if each.partition("=")[0] not in keys]
    small = [each for each in small if "model.text=none" not in overrides or not each.startswith("model.text.")]
    config = compose([*small, *overrides])
    return settings_without_effect(config, corpus, overrides, make_folds(corpus, config.folds, {"content": ""}))


@pytest.mark.parametrize(
    ("overrides", "message"), CASES, ids=lambda value: " ".join(value or ()) if isinstance(value, tuple) else ""
)
def test_what_has_no_effect_is_said_with_the_reason(overrides: tuple[str, ...], message: str | None, inputs: Dataset) -> None:
    found = said(overrides, inputs.corpus)
    assert any(message in each for each in found) if message else not found


def test_a_task_that_a_system_brings_is_named_where_the_corpus_lacks_what_it_needs(inputs: Dataset) -> None:
    bare = dataclasses.replace(inputs.corpus, table=inputs.corpus.table.assign(gender=""))
    assert "tasks.gender.weight" in " ".join(said(("system=gao2024", "model.text=words"), bare))


def test_what_stands_at_its_default_because_nobody_gave_it_is_never_named(configure: Callable[..., Config]) -> None:
    assert plan(configure()).notices_for(SMALL) == []


@pytest.mark.parametrize("overrides", [case[0] for case in CASES if case[1] and case[0][0].startswith("tasks.style")])
def test_settled_without_it_the_experiment_is_the_same(overrides: tuple[str, ...], inputs: Dataset) -> None:
    settled: Any = compose([*SMALL, *overrides]).settled(inputs.corpus)
    assert fingerprint(settled) == fingerprint(compose(SMALL).settled(inputs.corpus))
