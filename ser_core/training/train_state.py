"""A model in training: what changes from step to step, how a stage starts, and how the state is saved and restored.

    model + stage --begin_stage--> TrainState --snapshot--> plain data --restore--> the same TrainState, to the last bit
Saved are the weights, optimiser, schedule, random generator, the weighting's state and the memory of the heads. Everything else
follows from the configuration.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from ser_core.config.tree import Config, Optim
from ser_core.dataset.channels import device_of
from ser_core.dataset.dataset import Dataset, draw_batches
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import SettingError
from ser_core.model import SpeechEmotionModel, build_model, derived_seed
from ser_core.stages import StagePlan
from ser_core.tasks import Head, Memory
from ser_core.weighting import State, Weighting


@dataclasses.dataclass(frozen=True)
class TrainState:
    """A model in training, with everything that changes from step to step."""

    model: SpeechEmotionModel
    rows: Sequence[int]
    stage: StagePlan
    weighting: Weighting
    weighting_state: State
    """Updated in place."""
    optimiser: torch.optim.Optimizer
    rates: torch.optim.lr_scheduler.LambdaLR
    generator: torch.Generator
    masked: Sequence[str]
    """The channel hidden in each epoch; "" for an epoch without one."""
    memory: dict[str, Memory]
    """What heads remember of earlier batches, by task; only for heads that remember."""

    @property
    def tasks(self) -> list[str]:
        """Returns the tasks whose losses count in this stage, in the order of the model."""
        return [name for name in self.model.heads if name in self.stage.weights]


def new_model(config: Config, dataset: Dataset, rows: Sequence[int], fold: int) -> SpeechEmotionModel:
    """Returns an untrained model for these rows. Seed and fold determine its weights."""
    model = build_model(config, dataset, torch.as_tensor(rows), derived_seed(config.seed, fold, "weights"))
    return model.to(device_of(config))


def begin_stage(
    config: Config, dataset: Dataset, model: SpeechEmotionModel, rows: Sequence[int], fold: int, number: int, epochs: int = 0
) -> TrainState:
    """Returns the state of a model at the start of stage `number` (from 0), for the stage's epochs or the given number.

    Seed, fold and stage determine everything random in it. Raises SettingError if the stage would train nothing.
    """
    stage = config.stage_plans()[number]
    epochs, device = epochs or stage.epochs, device_of(config)
    # No suffix for the first stage: it draws the same numbers whether or not other stages follow.
    purpose = f"/{number}" if number else ""
    freeze(model, stage)
    tasks = [name for name in model.heads if name in stage.weights]
    # With a single task there is nothing to balance: its loss is summed as it is.
    weighting = config.weighting.build() if len(tasks) > 1 else Weighting()
    held = weighting.begin(torch.tensor([stage.weights[name] for name in tasks], device=device))
    groups = parameter_groups(model, config.optim, stage)
    if learned := [held[name].requires_grad_() for name in weighting.learned]:
        groups.append({"params": learned, "weight_decay": 0.0, "lr": config.optim.learning_rate * weighting.rate})
    optimiser = torch.optim.AdamW(groups, lr=config.optim.learning_rate, fused=True)
    order, optim = derived_seed(config.seed, fold, f"order{purpose}"), config.optim
    # Counts with the seed of the generator below, so it sees exactly the batches that training will draw.
    steps = count_steps(config, dataset, rows, stage, epochs, order)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step / steps, optim.warmup, optim.schedule)
    )
    generator = torch.Generator().manual_seed(order)
    # A separate generator: masking must not change the order of the batches.
    masks = torch.Generator().manual_seed(derived_seed(config.seed, fold, f"masking{purpose}"))
    hidden = config.model.masking.plan(list(dataset.channels), epochs, masks)
    heads = {name: cast(Head, model.heads[name]) for name in tasks}
    memory = {
        name: Memory.blank(head.remembers, head.outputs, dataset.targets[name]).to(device)
        for name, head in heads.items()
        if head.remembers
    }
    return TrainState(model, rows, stage, weighting, held, optimiser, rates, generator, hidden, memory)


def count_steps(config: Config, dataset: Dataset, rows: Sequence[int], stage: StagePlan, epochs: int, seed: int) -> int:
    """Counts the steps of `epochs` epochs drawn from this seed. If they vary between epochs, it draws every epoch in advance."""
    each = config.optim.accumulate
    if config.optim.batching == "count":
        return epochs * math.ceil(len(rows) / stage.batch / each)
    ahead = torch.Generator().manual_seed(seed)
    drawn = (draw_batches(config, dataset, rows, stage.batch, ahead, stage.sampling) for _ in range(epochs))
    return sum(math.ceil(len(batches) / each) for batches in drawn)


def learning_rate_factor(done: float, warmup: float, schedule: str = "cosine") -> float:
    """Returns the learning rate factor after the share `done` of all steps: linear warm-up, then optim.schedule.

    >>> [round(learning_rate_factor(done, 0.5), 3) for done in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    >>> [round(learning_rate_factor(done, 0.2, "linear"), 3) for done in (0.1, 0.2, 0.4, 1.0)]
    [0.5, 1.0, 0.75, 0.0]
    >>> learning_rate_factor(0.9, 0.2, "constant")
    1.0
    """
    if done < warmup:
        # Above 0 in the first step, which would otherwise train nothing.
        return max(done, 1e-3) / warmup
    since = min(1.0, (done - warmup) / max(1e-9, 1 - warmup))
    falls = {"cosine": 0.5 * (1 + math.cos(math.pi * since)), "linear": 1 - since, "constant": 1.0}
    return falls[schedule]


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a parameter belongs: its part (stages.PARTS), layers above it in the encoder, factor on the learning rate."""

    part: str
    depth: int
    factor: float


def _places(model: SpeechEmotionModel) -> Iterator[tuple[str, Tensor, _Place]]:
    inside = {
        part.parameter: _Place(part.kind, part.depth, part.factor)
        for stem in model.stems.values()
        if isinstance(stem, TunedStem)
        for part in stem.parts()
    }
    for name, parameter in model.named_parameters():
        yield name, parameter, inside.get(parameter, _Place("heads" if name.startswith("heads.") else "fusion", 0, 1.0))


def freeze(model: SpeechEmotionModel, stage: StagePlan) -> None:
    """Enables gradients only for the parameters that this stage trains. Raises SettingError if there are none."""
    for _, parameter, place in _places(model):
        low = place.part == "encoder" and stage.top is not None and place.depth >= stage.top
        parameter.requires_grad_(place.part in stage.trains and not low and stage.rates[place.part] * place.factor > 0)
        # A gradient left over from an earlier stage would count in clip_grad_norm_.
        parameter.grad = None
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise SettingError(
            f"stages.{stage.name} trains nothing: this model has no {', '.join(sorted(stage.trains)) or '[]'} with a rate "
            f"above 0; choose other parts in stages.{stage.name}.trains, or train encoder layers with model.speech.tune"
        )


def parameter_groups(model: SpeechEmotionModel, optim: Optim, stage: StagePlan) -> list[dict[str, object]]:
    """Groups the trained parameters by decay and rate: matrices decay; biases, norms, tokens and layer weights do not.

    Layer weights, trained encoder layers and the parts of a stage have their own rates.
    """
    # A dict keeps the order of insertion, so a resumed optimiser finds its groups in the same order.
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter, place in _places(model):
        if not parameter.requires_grad:
            continue
        weights = name.endswith("layer_scores")
        decay = 0.0 if weights or parameter.ndim < 2 or "tokens" in name else optim.weight_decay
        factor = place.factor * stage.rates[place.part] * (optim.layer_rate if weights else 1.0)
        groups.setdefault((decay, optim.learning_rate * factor), []).append(parameter)
    return [{"params": found, "weight_decay": decay, "lr": rate} for (decay, rate), found in groups.items()]


def snapshot(state: TrainState) -> dict[str, Any]:
    """Returns the state as plain data and tensors."""
    return {
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "rates": state.rates.state_dict(),
        "generator": state.generator.get_state(),
        "weighting": {name: value.detach() for name, value in state.weighting_state.items()},
        "memory": {name: memory._asdict() for name, memory in state.memory.items()},
    }


def restore(state: TrainState, saved: Mapping[str, Any]) -> None:
    """Restores a state of the same stage from a `snapshot`."""
    state.model.load_state_dict(saved["model"])
    state.optimiser.load_state_dict(saved["optimiser"])
    state.rates.load_state_dict(saved["rates"])
    # Loading a checkpoint moves all its tensors to the device, but a generator takes its state from the CPU.
    state.generator.set_state(saved["generator"].cpu())
    for name, value in saved["weighting"].items():
        if name in state.weighting.learned:
            # The optimiser holds this tensor as a parameter, so change it in place.
            state.weighting_state[name].data.copy_(value)
        else:
            state.weighting_state[name] = value
    state.memory.update({name: Memory(**memory) for name, memory in saved["memory"].items()})
