"""One training step: the tasks' losses become one gradient, and the optimiser applies it.

    losses --weighting.total--> loss --backward--> heads and trunk --(more batches)--> clip --> AdamW
       \\--each on its own--> gradients on the trunk --weighting.on_trunk--> in place of the trunk's, where a weighting reads them
`total_loss` is a pure function of parameters, batch and constants, so many models can be stepped as one program.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from ser_core.batch import Batch
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import SpeechEmotionModel
from ser_core.tasks import Memory
from ser_core.training.train_state import TrainState
from ser_core.weighting import State, Weighting


def total_loss(
    state: TrainState, parameters: dict[str, Tensor], batch: Batch, key: Tensor
) -> tuple[Float[Tensor, ""], dict[str, Tensor], dict[str, Any]]:
    """Returns the total loss that a step differentiates, the loss of each task of the stage, and the outputs to remember."""
    return weighted_loss(state, parameters, state.weighting_state, state.memory, batch, key)


def weighted_loss(
    state: TrainState,
    parameters: dict[str, Tensor],
    weighting_state: State,
    memory: Mapping[str, Memory],
    batch: Batch,
    key: Tensor,
) -> tuple[Float[Tensor, ""], dict[str, Tensor], dict[str, Any]]:
    """Does the same with another model's parameters, weighting state and memory. Both models must have the same structure."""
    outputs, losses = functional_call(state.model, parameters, (batch, DropoutKey(key), memory, state.tasks))
    return state.weighting.total(torch.stack(list(losses.values())), weighting_state), losses, outputs


def add_gradient(
    state: TrainState, loss: Tensor, losses: dict[str, Tensor], key: Tensor, monitor: bool, share: float = 1.0
) -> dict[str, Tensor]:
    """Adds a batch's gradient, weighted by `share`, and advances the state of the weighting.

    With `monitor`, returns how the tasks affect the trunk.
    """
    weighting, held, model = state.weighting, state.weighting_state, state.model
    # Separate gradients cost one more backward pass per task, so compute them only if something reads them.
    apart = weighting.reads_gradients or monitor
    trunk = trunk_parameters(model) if apart else []
    gradients = trunk_gradients(list(losses.values()), trunk)
    gramian = gradients @ gradients.T
    factors = task_factors(weighting, loss, losses, gramian, held, key) if apart else held["tasks"]
    # backward() adds to .grad. Keep what earlier batches of the step accumulated, to replace only this batch's part.
    before = [parameter.grad.clone() if parameter.grad is not None else 0.0 for parameter in trunk if weighting.reads_gradients]
    (share * loss).backward()
    # The heads keep the gradient of the summed loss. Only the trunk, which the tasks share, gets the weighted one.
    if weighting.reads_gradients:
        pieces = (share * factors @ gradients).split([parameter.numel() for parameter in trunk])
        for parameter, past, piece in zip(trunk, before, pieces, strict=True):
            parameter.grad = past + piece.view_as(parameter)
    each = torch.stack([value.detach() for value in losses.values()])
    held.update(weighting.after_step(held, each, gramian.diagonal().sqrt()))
    return trunk_report(list(losses), factors, gramian) if monitor else {}


def task_factors(
    weighting: Weighting, loss: Tensor, losses: dict[str, Tensor], gramian: Tensor, held: State, key: Tensor
) -> Float[Tensor, "tasks"]:
    """Returns the factor of each task's gradient on the trunk, as constants of this step: the loss does not train them."""
    if weighting.reads_gradients:
        return weighting.on_trunk(gramian, held, key).detach()
    # The slopes of the total are the factors, whatever a weighting computes them from.
    return torch.stack(torch.autograd.grad(loss, list(losses.values()), retain_graph=True))


class UpdateBatch(NamedTuple):
    """A batch whose losses a weighting compares before and after the optimiser's step."""

    batch: Batch
    key: Tensor
    memory: dict[str, Memory]
    losses: dict[str, Tensor]
    """Before the step."""


def compare_update(state: TrainState, parameters: dict[str, Tensor], batches: Sequence[UpdateBatch]) -> None:
    """Computes the losses of these batches again, after the optimiser's step, and advances the state of the weighting."""
    before = torch.stack([torch.stack(list(each.losses.values())).detach() for each in batches])
    with torch.no_grad():
        # The same key and memory: a loss must differ only by what the step changed, not by another dropout mask.
        again = [
            weighted_loss(state, parameters, state.weighting_state, each.memory, each.batch, each.key)[1] for each in batches
        ]
    after = torch.stack([torch.stack(list(losses.values())) for losses in again])
    state.weighting_state.update(state.weighting.after_update(state.weighting_state, before.mean(0), after.mean(0)))


def optimiser_step(state: TrainState, clip: float) -> None:
    """Steps model and learning rate with the accumulated gradient."""
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), clip)
    state.optimiser.step()
    state.rates.step()
    state.optimiser.zero_grad()


def trunk_parameters(model: SpeechEmotionModel) -> list[Tensor]:
    """Returns the trunk: the trained parameters that belong to no head."""
    return [value for name, value in model.named_parameters() if value.requires_grad and not name.startswith("heads.")]


def trunk_gradients(losses: Sequence[Tensor], trunk: Sequence[Tensor]) -> Float[Tensor, "tasks numbers"]:
    """Returns the gradient of each loss on the trunk, one row per loss, 0 where a loss does not reach. Keeps the graph."""
    if not trunk:
        return torch.zeros(len(losses), 0, device=losses[0].device)
    rows = []
    for loss in losses:
        # retain_graph: the tasks share the graph of the trunk, and backward() needs it again. A task may not reach some layers.
        found = torch.autograd.grad(loss, trunk, retain_graph=True, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in found]))
    return torch.stack(rows)


def trunk_report(
    tasks: Sequence[str], factors: Float[Tensor, "tasks"], gramian: Float[Tensor, "tasks tasks"]
) -> dict[str, Tensor]:
    """Returns factor and gradient norm before weighting per task, and the cosine per pair; NaN where a gradient is 0.

    >>> found = trunk_report(["a", "b"], torch.tensor([1.0, 0.5]), torch.tensor([[4.0, 3.0], [3.0, 9.0]]))
    >>> {name: round(float(value), 3) for name, value in found.items()}
    {'weight.a': 1.0, 'weight.b': 0.5, 'norm.a': 2.0, 'norm.b': 3.0, 'cosine.a.b': 0.5}
    """
    norms = gramian.diagonal().sqrt()
    found = {f"weight.{name}": factors[index] for index, name in enumerate(tasks)}
    found |= {f"norm.{name}": norms[index] for index, name in enumerate(tasks)}
    for (one, first), (other, second) in itertools.combinations(enumerate(tasks), 2):
        found[f"cosine.{first}.{second}"] = gramian[one, other] / (norms[one] * norms[other])
    return found
