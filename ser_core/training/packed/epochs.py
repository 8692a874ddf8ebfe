"""One epoch of many models as one program: what `train_epoch` does for one, step by step for all that have steps left.

phases --draw_epoch--> steps of each --collate--> Stack.gradients --clip, AdamW, schedule of each--> means of each
The model with the most steps comes first, so that the models still training are always the front of the stack.
"""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ser_core.batch import send
from ser_core.dataset.channels import device_of
from ser_core.errors import TrainingError
from ser_core.masking.masking import mask_channel
from ser_core.training.epoch import autocast, diverged, draw_epoch, end_epoch
from ser_core.training.packed.collate import collate
from ser_core.training.packed.stack import Stack
from ser_core.training.phase import Phase
from ser_core.training.step import optimiser_step
from ser_core.training.train_state import TrainState


def train_epochs(stack: Stack | None, phases: Sequence[Phase]) -> tuple[Stack, list[dict[str, float] | TrainingError]]:
    """Trains one epoch of each phase. Returns the stack for the next call, and what `train_epoch` would return or raise for each.

    Builds a new stack if the given one holds other models.
    """
    epochs = [phase.start_epoch() for phase in phases]
    # Every model draws from its own generator, so its batches do not depend on what else is stacked.
    plans = [draw_epoch(phase.config, phase.stage_dataset, phase.state) for phase in phases]
    order = sorted(range(len(phases)), key=lambda number: -len(plans[number]))
    stack = _stacked(stack, [phases[number].state for number in order])
    measured: list[dict[str, list[Tensor]]] = [{} for _ in phases]
    totals: list[list[Tensor]] = [[] for _ in phases]
    with contextlib.ExitStack() as masks:
        for phase, epoch in zip(phases, epochs, strict=True):
            masks.enter_context(mask_channel(phase.model, phase.state.masked[epoch - 1]))
            phase.model.train()
        for step in range(len(plans[order[0]])):
            active = [number for number in order if step < len(plans[number])]
            loss, losses = _step(stack, [phases[number] for number in active], [plans[number][step] for number in active])
            for place, number in enumerate(active):
                totals[number].append(loss[place])
                for name, values in losses.items():
                    measured[number].setdefault(name, []).append(values[place])
    return stack, [_answer(*each) for each in zip(phases, epochs, totals, measured, strict=True)]


def _answer(
    phase: Phase, epoch: int, totals: Sequence[Tensor], measured: dict[str, list[Tensor]]
) -> dict[str, float] | TrainingError:
    sentence = diverged(totals, measured, epoch)
    return TrainingError(sentence) if sentence else end_epoch(phase.state, measured)


def _stacked(stack: Stack | None, states: Sequence[TrainState]) -> Stack:
    if stack is not None and stack.holds(states):
        return stack
    if stack is not None:
        stack.release()
    return Stack(states)


def _step(stack: Stack, phases: Sequence[Phase], plans: Sequence[tuple[list[int], Tensor]]) -> tuple[Tensor, dict[str, Tensor]]:
    """Steps the first models of the stack, each with its own utterances and key. Returns their losses, total and by task."""
    config = phases[0].config
    device = device_of(config)
    batches = [phase.stage_dataset.batch(rows, key).to(device) for phase, (rows, key) in zip(phases, plans, strict=True)]
    keys = send(torch.stack([key for _, key in plans]), device)
    for phase, key in zip(phases, keys, strict=True):
        phase.state.weighting_state.update(phase.state.weighting.before_step(phase.state.weighting_state, key))
    with autocast(config, device):
        loss, losses, outputs = stack.gradients(len(phases), collate(batches), keys)
    each = torch.stack(list(losses.values()), 1).detach()
    for number, (phase, batch) in enumerate(zip(phases, batches, strict=True)):
        state = phase.state
        # Zeros for the gradient norms: weightings that read gradients are never stacked (why_not_packed).
        after = state.weighting.after_step(state.weighting_state, each[number], torch.zeros_like(each[number]))
        state.weighting_state.update(after)
        optimiser_step(state, phase.config.optim.clip)
        for name, past in state.memory.items():
            # Without the padding rows, which are no utterances.
            state.memory[name] = past.extended(outputs[name][number, : len(batch.rows)], batch.targets[name])
    return loss, {name: values.detach() for name, values in losses.items()}
