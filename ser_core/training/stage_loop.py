"""One model's way through the stages: epoch after epoch, the best of each stage handed on to the next.

begin(stage) -> train_epoch -> development score -> best so far? -> ... -> the best -> begin(next stage)
"""

import dataclasses
import itertools
import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from torch import Tensor

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.masking.masking import mask_channel
from ser_core.model import SpeechEmotionModel
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.evaluate import development_score
from ser_core.training.frozen_states import precompute_frozen, read_raw_states
from ser_core.training.train_state import TrainState, begin_stage, restore, snapshot

Weights = dict[str, Tensor]
"""A model's state_dict."""


@dataclasses.dataclass(frozen=True)
class EpochEnd:
    """Where training stands after an epoch. `dev` is the development score, more is better; `losses` are means per task."""

    epoch: int
    """Counted through all stages."""
    dev: float
    losses: Mapping[str, float]
    spent: float
    """Share spent of the most epochs that there can be."""
    refit: bool = False
    """Whether it is of the model that is trained anew, which nobody waits to hear of."""


@dataclasses.dataclass(frozen=True)
class EpochRequest:
    """An epoch to be trained next. Whoever steps a passage trains it, alone or beside others, and sends back the means."""

    config: Config
    inputs: Dataset
    course: TrainState
    epoch: int
    """Counted within the stage."""
    monitor: bool


Stretch = Generator[EpochRequest | EpochEnd, dict[str, float], None]
"""Part of a fold's way: each EpochRequest is answered with what `train_epoch` returns, and followed by an EpochEnd."""


@dataclasses.dataclass
class StageProgress:
    """Where a stage stands."""

    epoch: int = 0
    steady: float = math.nan
    """Running mean of the development scores."""
    best: float = -math.inf
    """Greatest of these."""
    chosen: int = 0
    """Epoch that had it."""
    weights: Weights = dataclasses.field(default_factory=dict)
    """The model at that epoch."""


@dataclasses.dataclass
class Phase:
    """Which rows train, which choose, and what has come of it so far."""

    rows: list[int]
    dev: list[int]
    """[] where nothing is chosen and each stage runs all its epochs."""
    epochs: list[int]
    """Most epochs of each stage."""
    chosen: list[int] = dataclasses.field(default_factory=list)
    """Of each stage that is over, the epoch it was left at, counted within it."""
    ends: list[Weights] = dataclasses.field(default_factory=list)
    """The model at those."""
    log: list[dict[str, float]] = dataclasses.field(default_factory=list)
    standing: StageProgress = dataclasses.field(default_factory=StageProgress)

    def state(self, course: TrainState | None) -> dict[str, Any]:
        """All that has come of it, as plain data and tensors."""
        plain = {name: getattr(self, name) for name in ("chosen", "ends", "log")}
        standing = {field.name: getattr(self.standing, field.name) for field in dataclasses.fields(self.standing)}
        return {**plain, "standing": standing, "course": course and snapshot(course)}


def run_stages(
    config: Config, inputs: Dataset, model: SpeechEmotionModel, fold: int, passage: Phase, keeper: Checkpoint, phase: str
) -> Stretch:
    """Takes the model through what is left of its stages and leaves it as the last one chose; yields after each epoch."""
    state = keeper.phase_state(phase) or {"course": None}
    for name in ("chosen", "ends", "log"):
        setattr(passage, name, list(state.get(name, getattr(passage, name))))
    passage.standing = StageProgress(**state.get("standing", {}))
    for number in range(len(passage.chosen), len(passage.epochs)):
        if passage.ends:
            model.load_state_dict(passage.ends[-1])
        course = begin_stage(config, inputs, model, passage.rows, fold, number, passage.epochs[number])
        if state["course"]:
            restore(course, state["course"])
            state = {"course": None}
        yield from _stage(config, inputs, course, number, passage, keeper, phase)
        passage.chosen.append(passage.standing.chosen)
        passage.ends.append(passage.standing.weights)
        passage.standing = StageProgress()
    model.load_state_dict(passage.ends[-1])
    read_raw_states(model)
    keeper.finish_phase(phase, passage.state(None))


def _stage(
    config: Config, inputs: Dataset, course: TrainState, number: int, passage: Phase, keeper: Checkpoint, phase: str
) -> Stretch:
    """One stage to its end."""
    model, stage, standing = course.model, course.stage, passage.standing
    before = [plan.trains for plan in config.stage_plans()[:number]]
    changed = any(trains & {"adapters", "encoder"} for trains in before)
    inputs = precompute_frozen(config, inputs.for_tasks(stage.weights), model, [*passage.rows, *passage.dev], changed)
    waits = bool(passage.dev) and stage.patience > 0
    while standing.epoch < passage.epochs[number] and not (waits and standing.epoch - standing.chosen >= stage.patience):
        standing.epoch += 1
        with mask_channel(model, course.masked[standing.epoch - 1]):
            monitor = config.weighting.monitor and phase == "development"
            measured = yield EpochRequest(config, inputs, course, standing.epoch, monitor)
        dev = development_score(config, inputs, model, passage.dev, stage.weights) if passage.dev else math.nan
        among = {"stage": float(number + 1)} if len(passage.epochs) > 1 else {}
        done = float(len(passage.log) + 1)
        passage.log.append({"epoch": done, **among, "rate": float(course.rates.get_last_lr()[0]), "dev": dev, **measured})
        standing.steady = running_mean(standing.steady, dev)
        if waits and standing.steady > standing.best:
            standing.best, standing.chosen = standing.steady, standing.epoch
            standing.weights = copy_weights(model)
        keeper.save(phase, lambda: passage.state(course))
        spent = (sum(passage.epochs[:number]) + standing.epoch) / sum(passage.epochs)
        yield EpochEnd(int(done), dev, {name: measured[name] for name in course.tasks}, spent, phase == "refit")
    if not standing.weights:
        standing.chosen, standing.weights = standing.epoch, copy_weights(model)


def copy_weights(model: SpeechEmotionModel) -> Weights:
    """The model as it is now, in tensors of its own."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def running_mean(mean: float, score: float) -> float:
    """Running mean of development scores, weights 1/2, 1/4, ... back; an epoch without a score (-inf) is forgotten by the next.

    >>> running_mean(running_mean(math.nan, 0.5), 1.0), running_mean(running_mean(math.nan, -math.inf), 0.5)
    (0.75, 0.5)
    """
    return (mean + score) / 2 if math.isfinite(mean) else score


def best_so_far(scores: Sequence[float]) -> list[float]:
    """Greatest running mean so far after each epoch: what an epoch is chosen by, from the development scores alone.

    >>> best_so_far([0.5, 1.0, 0.25])
    [0.5, 0.75, 0.75]
    """
    means = itertools.accumulate(scores, running_mean, initial=math.nan)
    return list(itertools.accumulate(itertools.islice(means, 1, None), max))
