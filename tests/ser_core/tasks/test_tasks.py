"""What every task promises: weight 0 is no task, what is unlabelled teaches nothing, predictions fill their columns."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import functional_call, stack_module_state

from ser_core.errors import SettingError
from ser_core.evaluation.score import score
from ser_core.keyed_dropout import DropoutKey
from ser_core.tasks import TASKS, Head, Memory, TaskOption, Tasks
from tests.ser_core.tasks.made import BARE, CORPUS, leaf, name_of, targets_of, views

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "emotion": [
        {"class_weights": "none", "label_smoothing": 0.0},
        {"target": "votes", "label_smoothing": 0.0},
        {"target": "votes", "loss": "kl", "label_smoothing": 0.0},
        {"loss": "focal", "label_smoothing": 0.0},
    ],
    "dimensions": [{"loss": "mse"}, {"names": ["arousal"]}, {"shared": False, "hidden": 4}, {"memory": 5}],
    "gender": [{"hidden": 5}],
    "transcript": [{"variant": "paper_code"}],
    "style": [{"hidden": 5}],
    "speaker": [{"hidden": 5}],
    "contrast": [{"variant": "paper_code"}, {"memory": 0, "hidden": 0}],
    "augmented_contrast": [{"variant": "paper_code"}, {"memory": 0, "hidden": 0}],
    "self_contrast": [{"hidden": 2}, {"between": ["gender", "emotion"]}],
}


def options() -> dict[str, TaskOption]:
    """Every task, as it comes and with other knobs, switched on."""
    plain = {name: dataclasses.replace(task, weight=0.5) for name, task in Tasks().all().items()}
    changed = {f"{name} {knobs}": dataclasses.replace(plain[name], **knobs) for name in TASKS for knobs in VARIANTS.get(name, [])}
    return plain | changed


@pytest.fixture(params=options())
def task(request: pytest.FixtureRequest) -> TaskOption:
    return options()[request.param]


def built(task: TaskOption, width: int = 6, seed: int = 0) -> Head:
    torch.manual_seed(seed)
    head = task.build(CORPUS, width, width, 0.0)
    head.fit_targets(targets_of(task))
    return head


def remembered(head: Head, task: TaskOption) -> Memory | None:
    """A memory with the outputs of another batch in it, for heads that remember."""
    if not head.remembers:
        return None
    targets = targets_of(task)
    return Memory.blank(head.remembers, head.outputs, targets).extended(head(views(leaf(6, seed=9)), DropoutKey(None)), targets)


def test_a_head_predicts_and_its_columns_are_scored(task: TaskOption) -> None:
    head, targets = built(task), targets_of(task)
    answers = head.answers(head(views(leaf(6)), DropoutKey(None)))
    assert len(answers) == len(targets) == 8
    columns = task.columns(CORPUS, answers, targets)
    assert len(columns) == 8
    assert all(str(column).startswith(f"{name_of(task)}.") for column in columns)
    assert bool(score(columns)) == bool(task.predicts)
    assert all(np.isfinite(value) for value in score(columns).values())


def test_targets_come_back_in_the_corpuss_own_words(task: TaskOption) -> None:
    head, targets = built(task), targets_of(task)
    columns = task.columns(CORPUS, head.answers(head(views(leaf(6)), DropoutKey(None))), targets)
    for column in columns:
        name = str(column).split(".")[-2]
        if str(column).endswith("target") and name in CORPUS.table:
            expected = CORPUS.column(name)
            found = columns[column].to_numpy(expected.dtype)
            assert (found == expected).all() if expected.dtype.kind == "U" else np.allclose(found, expected, equal_nan=True)


def test_probabilities_sum_to_one(task: TaskOption) -> None:
    head = built(task)
    columns = task.columns(CORPUS, head.answers(head(views(leaf(6)), DropoutKey(None))), targets_of(task))
    probable = [column for column in columns if ".p." in str(column)]
    assert bool(probable) == (task.predicts == "classes")
    assert not probable or np.allclose(columns[probable].sum(axis=1), 1)


def test_what_is_unlabelled_adds_nothing_to_loss_or_gradient(task: TaskOption) -> None:
    head, targets, frames = built(task), targets_of(task), leaf(6)
    past = remembered(head, task)
    loss = head.loss(head(views(frames), DropoutKey(None)), targets, past)
    loss.backward()
    kept = [row for row in range(8) if row != 2]
    alone = head.loss(head(views(frames[kept]), DropoutKey(None)), targets[kept], past)
    assert torch.allclose(loss, alone, atol=1e-5)
    assert frames.grad is not None and not frames.grad[2].any() and frames.grad[kept].any()


def test_a_batch_without_labels_costs_nothing(task: TaskOption) -> None:
    head, targets, frames = built(task), targets_of(task)[[2, 2]], leaf(6, batch=2)
    loss = head.loss(head(views(frames), DropoutKey(None)), targets)
    loss.backward()
    assert loss.item() == 0 and frames.grad is not None and not frames.grad.any()


def test_padding_changes_nothing(task: TaskOption) -> None:
    head, targets, frames = built(task), targets_of(task), leaf(6)
    plain, padded = (head(views(frames, padding), DropoutKey(None)) for padding in (0, 7))
    assert torch.allclose(head.loss(plain, targets), head.loss(padded, targets), atol=1e-5)
    answers, more = head.answers(plain), head.answers(padded)
    assert torch.allclose(answers, more[:, : answers.shape[1]], atol=1e-5) and not more[:, answers.shape[1] :].any()


def test_utterances_do_not_mix_in_what_is_predicted(task: TaskOption) -> None:
    head, frames = built(task), leaf(6)
    together, alone = (head.answers(head(views(frames[rows]), DropoutKey(None))) for rows in (slice(0, 8), slice(3, 5)))
    assert torch.allclose(together[3:5], alone, atol=1e-6)


def test_a_blank_memory_is_no_memory(task: TaskOption) -> None:
    head, targets, output = built(task), targets_of(task), built(task)(views(leaf(6)), DropoutKey(None))
    blank = Memory.blank(head.remembers, head.outputs, targets)
    assert not head.remembers or torch.allclose(head.loss(output, targets, blank), head.loss(output, targets), atol=1e-6)


def test_models_are_stepped_as_one_where_the_task_says_so(task: TaskOption) -> None:
    heads, seen, targets = [built(task, seed=seed) for seed in (1, 2)], views(leaf(6).detach()), targets_of(task)
    parameters, buffers = stack_module_state(list(heads))  # type: ignore[arg-type]
    past = remembered(heads[0], task)

    def loss(state: dict[str, torch.Tensor]) -> torch.Tensor:
        return heads[0].loss(functional_call(heads[0], state, (seen, DropoutKey(None))), targets, past)

    if not task.batches:
        with pytest.raises((RuntimeError, UserWarning)):  # no batching rule: refused, or looped over with a warning
            torch.vmap(loss)({**parameters, **buffers})
        return
    alone = torch.stack([head.loss(head(seen, DropoutKey(None)), targets, past) for head in heads])
    assert torch.allclose(torch.vmap(loss)({**parameters, **buffers}), alone, atol=1e-5)


def test_learning_lowers_the_loss(task: TaskOption) -> None:
    head, targets, frames = built(task, width=32), targets_of(task), leaf(32).detach()
    optimiser = torch.optim.Adam(head.parameters(), 0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        losses.append(head.loss(head(views(frames), DropoutKey(None)), targets))
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


def test_a_task_without_its_channel_is_settled() -> None:
    switched_on = dataclasses.replace(Tasks(), **{each: options()[each] for each in TASKS})
    assert set(TASKS) - set(switched_on.settled(CORPUS, ("text",)).active()) == {"transcript"}


@pytest.mark.parametrize("votes", [False, True])
def test_class_weights_make_classes_count_alike(votes: bool) -> None:
    emotion = dataclasses.replace(Tasks().emotion, target="votes" if votes else "labels")
    head, targets = built(emotion), emotion.targets(CORPUS)
    counts = targets[:, 1:].nansum(0) if votes else torch.bincount(targets[targets >= 0])
    shares = head.class_weights * counts  # type: ignore[operator]
    assert torch.allclose(shares, shares[0].expand(3))


@pytest.mark.parametrize("name", TASKS)
def test_negative_weights_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=rf"tasks\.{name}\.weight must be at least 0, got -0\.1"):
        dataclasses.replace(Tasks().all()[name], weight=-0.1)
