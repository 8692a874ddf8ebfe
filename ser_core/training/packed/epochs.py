"""One epoch of many models as one program: what `train_epoch` does for one, step by step for all that have a step left.

EpochRequests --draw_epoch--> steps of each --collate--> Stack.gradients --clip, AdamW, schedule of each--> means of each
The model with the most steps stands first, so that those still at work are always a front part of the stack.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ser_core.batch import send
from ser_core.dataset.channels import device_of
from ser_core.errors import TrainingError
from ser_core.training.epoch import diverged, draw_epoch, end_epoch
from ser_core.training.packed.collate import collate
from ser_core.training.packed.stack import Stack
from ser_core.training.stage_loop import EpochRequest
from ser_core.training.step import optimiser_step
from ser_core.training.train_state import TrainState


def train_epochs(stack: Stack | None, dues: Sequence[EpochRequest]) -> tuple[Stack, list[dict[str, float] | TrainingError]]:
    """Trains an epoch of each, and returns the stack for the next time and what `train_epoch` would return or raise for each.

    The stack is made anew when others are due than it holds.
    """
    plans = [draw_epoch(due.config, due.inputs, due.course) for due in dues]
    order = sorted(range(len(dues)), key=lambda number: -len(plans[number]))
    stack = _stacked(stack, [dues[number].course for number in order])
    measured: list[dict[str, list[Tensor]]] = [{} for _ in dues]
    totals: list[list[Tensor]] = [[] for _ in dues]
    for due in dues:
        due.course.model.train()
    for step in range(len(plans[order[0]])):
        active = [number for number in order if step < len(plans[number])]
        loss, losses = _step(stack, [dues[number] for number in active], [plans[number][step] for number in active])
        for place, number in enumerate(active):
            totals[number].append(loss[place])
            for name, values in losses.items():
                measured[number].setdefault(name, []).append(values[place])
    return stack, [_answer(due, summed, found) for due, summed, found in zip(dues, totals, measured, strict=True)]


def _answer(due: EpochRequest, totals: Sequence[Tensor], measured: dict[str, list[Tensor]]) -> dict[str, float] | TrainingError:
    sentence = diverged(totals, measured, due.epoch)
    return TrainingError(sentence) if sentence else end_epoch(due.course, measured)


def _stacked(stack: Stack | None, courses: Sequence[TrainState]) -> Stack:
    if stack is not None and stack.holds(courses):
        return stack
    if stack is not None:
        stack.release()
    return Stack(courses)


def _step(
    stack: Stack, dues: Sequence[EpochRequest], plans: Sequence[tuple[list[int], Tensor]]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Steps the first models of the stack, each with its own utterances and key; returns their losses, summed and by task."""
    config = dues[0].config
    device = device_of(config)
    batches = [due.inputs.batch(rows, key).to(device) for due, (rows, key) in zip(dues, plans, strict=True)]
    keys = send(torch.stack([key for _, key in plans]), device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and config.optim.bf16):
        loss, losses, outputs = stack.gradients(len(dues), collate(batches), keys)
    each = torch.stack(list(losses.values()), 1).detach()
    for number, (due, batch) in enumerate(zip(dues, batches, strict=True)):
        course = due.course
        course.state.update(course.weighting.after_step(course.state, each[number], torch.zeros_like(each[number])))
        optimiser_step(course, due.config.optim.clip)
        for name, past in due.course.memory.items():
            due.course.memory[name] = past.extended(outputs[name][number, : len(batch.rows)], batch.targets[name])
    return loss, {name: values.detach() for name, values in losses.items()}
