"""One pass over the rows of a model: batches of similar length, one step each.

rows --draw_batches--> batch --total_loss, add_gradient (step.py)--> ... --> mean of every loss
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ser_core.batch import send
from ser_core.config.tree import Config
from ser_core.dataset.channels import device_of
from ser_core.dataset.dataset import Dataset, draw_batches
from ser_core.errors import TrainingError
from ser_core.masking.masking import mask_channel
from ser_core.training.step import UpdateBatch, add_gradient, compare_update, optimiser_step, total_loss
from ser_core.training.train_state import TrainState


def train_epoch(config: Config, dataset: Dataset, state: TrainState, epoch: int, monitor: bool = False) -> dict[str, float]:
    """Trains one epoch and returns means over its steps: the loss per task of the stage, plus the gradient report if `monitor`.

    Raises TrainingError, which names epoch, step and task, when a loss becomes non-finite. It checks at the end of the epoch,
    because a check after every step would make the host wait for the GPU.
    """
    with mask_channel(state.model, state.masked[epoch - 1]):
        return _train_epoch(config, dataset, state, epoch, monitor)


def _train_epoch(config: Config, dataset: Dataset, state: TrainState, epoch: int, monitor: bool) -> dict[str, float]:
    device = device_of(config)
    measured: dict[str, list[Tensor]] = {}
    totals: list[Tensor] = []
    stepped: list[UpdateBatch] = []
    # `total_loss` takes the parameters as an argument, so that packed training can run the same function for many models.
    parameters: dict[str, Tensor] = dict(state.model.named_parameters())
    state.model.train()
    batches = draw_epoch(config, dataset, state)
    for step, (rows, key) in enumerate(batches, start=1):
        batch, key = dataset.batch(rows, key).to(device), send(key, device)
        state.weighting_state.update(state.weighting.before_step(state.weighting_state, key))
        # Only the forward pass runs under autocast: the backward pass repeats its types, as PyTorch recommends.
        with autocast(config, device):
            loss, losses, outputs = total_loss(state, parameters, batch, key)
        # Detached: the graphs of all steps would keep the activations of the epoch in memory.
        totals.append(loss.detach())
        found = add_gradient(state, loss, losses, key, monitor, within_step(step, len(batches), config.optim.accumulate))
        if state.weighting.reads_update:
            stepped.append(UpdateBatch(batch, key, dict(state.memory), losses))
        if step % config.optim.accumulate == 0 or step == len(batches):
            optimiser_step(state, config.optim.clip)
            if stepped:
                with autocast(config, device):
                    compare_update(state, parameters, stepped)
                stepped.clear()
        # After the loss, so that a batch is compared with earlier batches and not with itself.
        for name, past in state.memory.items():
            state.memory[name] = past.extended(outputs[name], batch.targets[name])
        for name, value in {**losses, **found}.items():
            measured.setdefault(name, []).append(value.detach())
    # `measured` also holds the gradient report, which may contain NaN, so pass only the tasks.
    if sentence := diverged(totals, {name: measured[name] for name in state.tasks}, epoch):
        raise TrainingError(sentence)
    return end_epoch(state, measured)


def autocast(config: Config, device: torch.device) -> torch.autocast:
    """Returns the context of a forward pass: bfloat16 on a GPU, if optim.bf16 allows it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and config.optim.bf16)


def draw_epoch(config: Config, dataset: Dataset, state: TrainState) -> list[tuple[list[int], Tensor]]:
    """Draws the utterances of each step of the model's next epoch, and the key of each step."""
    return draw_batches(config, dataset, state.rows, state.stage.batch, state.generator, state.stage.sampling)


def end_epoch(state: TrainState, measured: Mapping[str, list[Tensor]]) -> dict[str, float]:
    """Ends an epoch: returns the means over its steps and updates the weighting with them."""
    # nanmean: the gradient report has NaN for the cosine with a gradient of 0 (see `trunk_report`).
    means = {name: torch.stack(values).nanmean() for name, values in measured.items()}
    losses = torch.stack([means[name] for name in state.tasks])
    state.weighting_state.update(state.weighting.after_epoch(state.weighting_state, losses))
    return {name: float(mean) for name, mean in means.items()}


def within_step(number: int, batches: int, accumulate: int) -> float:
    """Returns the share of batch `number` (from 1) in its step. The last step of an epoch may hold fewer batches.

    >>> [within_step(number, 5, 2) for number in range(1, 6)]
    [0.5, 0.5, 0.5, 0.5, 1.0]
    """
    first = (number - 1) // accumulate * accumulate
    return 1 / min(accumulate, batches - first)


def diverged(totals: Sequence[Tensor], losses: Mapping[str, Sequence[Tensor]], epoch: int) -> str:
    """Names the non-finite losses of the first step whose total is non-finite, with the remedy; "" if all are finite."""
    # One transfer from the GPU per epoch; testing each step would make the host wait.
    finite = torch.isfinite(torch.stack(list(totals)))
    if finite.all():
        return ""
    step = int(finite.int().argmin())
    named = " and ".join(name for name, values in losses.items() if not torch.isfinite(values[step])) or "summed"
    where = f"epoch {epoch}, step {step + 1}"
    return f"the {named} loss became non-finite in {where}; lower optim.learning_rate or the task's weight"
