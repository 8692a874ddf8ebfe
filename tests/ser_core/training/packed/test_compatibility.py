"""What cannot be batched says why, and what is of another structure has another likeness."""

import pytest
import torch

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.model import build_model
from ser_core.tasks import TASKS, Tasks
from ser_core.training.packed.compatibility import structure_of, why_not_packed
from ser_core.weighting import WEIGHTINGS
from tests.conftest import Configure


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("tasks.transcript.weight=0.1", "tasks.transcript has a loss without a batching rule"),
        ("weighting=gradnorm", "weighting=gradnorm needs a separate gradient for each task"),
        ("weighting=upgrad", "weighting=upgrad needs a separate gradient for each task"),
        ("weighting=famo", "weighting=famo needs the losses again after each step"),
        ("weighting.monitor=true", "weighting.monitor=true"),
        ("stages=two", "several stages"),
        ("model.masking=epoch", "model.masking=epoch"),
        ("optim.accumulate=2", "optim.accumulate"),
    ],
)
def test_what_cannot_be_batched_says_why(override: str, sentence: str, configure: Configure, inputs: Dataset) -> None:
    assert sentence in why_not_packed(configure(override), inputs)


@pytest.mark.parametrize("override", ["seed=0", "model.masking=utterance", "tasks.speaker.weight=0.1", "weighting=dwa"])
def test_what_can_says_nothing(override: str, configure: Configure, inputs: Dataset) -> None:
    assert why_not_packed(configure(override), inputs) == ""


def test_one_task_is_summed_plainly_whatever_the_weighting(configure: Configure, inputs: Dataset) -> None:
    config = configure("weighting=gradnorm", "tasks.dimensions.weight=0", "tasks.gender.weight=0")
    assert why_not_packed(config, inputs) == ""


def test_the_tables_and_the_sentences_agree(configure: Configure, inputs: Dataset) -> None:
    for name, option in WEIGHTINGS.items():
        assert (why_not_packed(configure(f"weighting={name}"), inputs) == "") == option().build().batched
    for name in TASKS:
        assert (why_not_packed(configure(f"tasks.{name}.weight=0.1"), inputs) == "") == getattr(Tasks(), name).batches


def named(config: Config, inputs: Dataset) -> str:
    return structure_of(config, inputs, build_model(config, inputs, torch.arange(48), 1))


@pytest.mark.parametrize(
    "override",
    [
        "seed=4",
        "optim.learning_rate=0.1",
        "optim.clip=9",
        "optim.epochs=5",
        "optim.batch=8",
        "tasks.emotion.weight=0.7",
        "optim.pack=2",
    ],
)
def test_what_each_model_has_of_its_own_does_not_count(override: str, configure: Configure, inputs: Dataset) -> None:
    assert named(configure(override), inputs) == named(configure(), inputs)


@pytest.mark.parametrize(
    "override",
    ["model.width=8", "model.dropout=0.1", "model.fusion=bridge", "tasks.gender.weight=0.1", "tasks.emotion.label_smoothing=0"],
)
def test_what_the_program_is_made_of_counts(override: str, configure: Configure, inputs: Dataset) -> None:
    assert named(configure(override), inputs) != named(configure(), inputs)
