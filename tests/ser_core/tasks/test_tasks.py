"""What every task promises: weight 0 is no task, what is unlabelled teaches nothing, predictions fill their columns."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ser_core.corpus.corpus import Corpus, Dimension, complete
from ser_core.errors import SettingError
from ser_core.metrics import score
from ser_core.noise import Noise
from ser_core.tasks import TASKS, TaskOption, Tasks

EMOTIONS = ["joy", "anger", "", "joy", "fear", "anger", "joy", "fear"]
CORPUS = Corpus(
    name="made",
    table=complete(
        pd.DataFrame(
            {
                "utterance": [f"u{number}" for number in range(8)],
                "file": "/x.wav",
                "speaker": "1",
                "gender": ["f", "m", "", "f", "m", "f", "m", "f"],
                "emotion": EMOTIONS,
                "valence": [1.0, 2.0, np.nan, 3.0, 4.0, 5.0, 2.5, 1.5],
                "arousal": [np.nan, 2.0, np.nan, 3.0, -4.0, 5.0, 2.5, 1.5],
            }
        )
    ),
    classes=("anger", "fear", "joy"),
    dimensions=(Dimension("valence", 1, 5), Dimension("arousal", -5, 5)),
    licence="none",
    source="made here",
)
BARE = dataclasses.replace(CORPUS, classes=("joy",), dimensions=(), table=CORPUS.table.assign(emotion="joy", gender="f"))
VARIANTS: dict[str, dict[str, Any]] = {
    "emotion": {"class_weights": "none", "label_smoothing": 0.0},
    "dimensions": {"loss": "mse"},
    "gender": {"hidden": 5},
}


def options() -> dict[str, TaskOption]:
    """Every task, as it comes and with other knobs, switched on."""
    plain = {name: dataclasses.replace(task, weight=0.5) for name, task in Tasks().all().items()}
    changed = {f"{name} {VARIANTS[name]}": dataclasses.replace(plain[name], **VARIANTS[name]) for name in TASKS}
    return plain | changed


@pytest.fixture(params=options())
def task(request: pytest.FixtureRequest) -> TaskOption:
    return options()[request.param]


def name_of(task: TaskOption) -> str:
    return next(name for name, each in Tasks().all().items() if type(each) is type(task))


def test_a_head_predicts_and_its_columns_are_scored(task: TaskOption) -> None:
    head, targets = task.build(CORPUS, 6, 0.0), task.targets(CORPUS)
    head.fit_targets(targets)
    output = head(torch.randn(8, 6), Noise(None))
    assert len(output) == len(targets) == 8
    columns = task.columns(CORPUS, output, targets)
    assert len(columns) == 8
    assert all(str(column).startswith(f"{name_of(task)}.") for column in columns)
    assert score(columns) and all(np.isfinite(value) for value in score(columns).values())


def test_targets_come_back_in_the_corpuss_own_words(task: TaskOption) -> None:
    head, targets = task.build(CORPUS, 6, 0.0), task.targets(CORPUS)
    columns = task.columns(CORPUS, head(torch.randn(8, 6), Noise(None)), targets)
    for column in columns:
        parts = str(column).split(".")
        if parts[-1] == "target":
            expected = CORPUS.column(parts[-2])
            found = columns[column].to_numpy(expected.dtype)
            assert (found == expected).all() if expected.dtype.kind == "U" else np.allclose(found, expected, equal_nan=True)


def test_probabilities_sum_to_one(task: TaskOption) -> None:
    columns = task.columns(CORPUS, task.build(CORPUS, 6, 0.0)(torch.randn(8, 6), Noise(None)), task.targets(CORPUS))
    probable = [column for column in columns if ".p." in str(column)]
    assert name_of(task) == "dimensions" or np.allclose(columns[probable].sum(axis=1), 1)


def test_what_is_unlabelled_adds_nothing_to_loss_or_gradient(task: TaskOption) -> None:
    head, targets = task.build(CORPUS, 6, 0.0), task.targets(CORPUS)
    head.fit_targets(targets)
    fused = torch.randn(8, 6, requires_grad=True)
    loss = head.loss(head(fused, Noise(None)), targets)
    loss.backward()
    kept = [row for row in range(8) if row != 2]
    alone = head.loss(head(fused[kept], Noise(None)), targets[kept])
    assert torch.allclose(loss, alone, atol=1e-6)
    assert fused.grad is not None and not fused.grad[2].any() and fused.grad[kept].any()


def test_a_batch_without_labels_costs_nothing(task: TaskOption) -> None:
    head, targets = task.build(CORPUS, 6, 0.0), task.targets(CORPUS)[[2, 2]]
    fused = torch.randn(2, 6, requires_grad=True)
    loss = head.loss(head(fused, Noise(None)), targets)
    loss.backward()
    assert loss.item() == 0 and fused.grad is not None and not fused.grad.any()


def test_learning_lowers_the_loss(task: TaskOption) -> None:
    torch.manual_seed(0)
    head, targets, fused = task.build(CORPUS, 32, 0.0), task.targets(CORPUS), torch.randn(8, 32)
    optimiser = torch.optim.Adam(head.parameters(), 0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        losses.append(head.loss(head(fused, Noise(None)), targets))
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_of_weight_0_is_not_active_and_one_without_labels_is_settled(name: str) -> None:
    tasks = dataclasses.replace(Tasks(), **{name: dataclasses.replace(Tasks().all()[name], weight=0.0)})
    assert name not in tasks.active()
    switched_on = dataclasses.replace(Tasks(), **{each: options()[each] for each in TASKS})
    assert list(switched_on.active()) == list(TASKS) == list(switched_on.settled(CORPUS).active())
    assert not switched_on.settled(BARE).active()
    assert not switched_on.all()[name].available(BARE)


def test_class_weights_make_classes_count_alike() -> None:
    emotion = Tasks().emotion
    head, targets = emotion.build(CORPUS, 6, 0.0), emotion.targets(CORPUS)
    head.fit_targets(targets)
    counts = torch.bincount(targets[targets >= 0])
    shares = head.class_weights * counts  # type: ignore[operator]
    assert torch.allclose(shares, shares[0].expand(3))


@pytest.mark.parametrize("name", TASKS)
def test_negative_weights_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=rf"tasks\.{name}\.weight must be at least 0, got -0\.1"):
        dataclasses.replace(Tasks().all()[name], weight=-0.1)
