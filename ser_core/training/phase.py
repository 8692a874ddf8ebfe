"""One model trained through all its stages on some rows, epoch by epoch: what `fit` and `fit_packed` loop over.

    begin_stage -> start_epoch -> (an epoch is trained) -> end_epoch -> ... -> end_stage -> begin_stage -> ...
A fold has a phase on its training part, in which the development part chooses the epochs. With optim.refit it has a second one
on both parts together. A phase can be saved after any epoch and resumed, with identical results to the last bit.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.evaluate import development_score
from ser_core.training.frozen_states import precompute_frozen, read_raw_states
from ser_core.training.train_state import TrainState, begin_stage, new_model, restore, snapshot

DEVELOPMENT, REFIT = "development", "refit"
"""The phases of a fold."""
Weights = dict[str, Tensor]
"""A model's state_dict."""


@dataclasses.dataclass(frozen=True)
class EpochEnd:
    """Progress after an epoch. `dev` is the development score, higher is better; `losses` are means per task."""

    epoch: int
    """Counted through all stages."""
    dev: float
    losses: Mapping[str, float]
    spent: float
    """Share of the maximum number of epochs."""
    refit: bool = False
    """Whether the epoch belongs to the model that is retrained on both parts."""


@dataclasses.dataclass
class StageProgress:
    """Progress of the current stage."""

    epoch: int = 0
    steady: float = math.nan
    """Running mean of the development scores."""
    best: float = -math.inf
    """Highest running mean so far."""
    chosen: int = 0
    """The epoch with the highest running mean."""
    weights: Weights = dataclasses.field(default_factory=dict)
    """The model at that epoch."""


class Phase:
    """A model on its way through the stages.

    `rows` is the training data. `dev` chooses the epochs; with [] every stage runs all its epochs. `epochs` is the maximum per
    stage. At the end, `model` has the weights that the last stage chose.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        fold: int,
        rows: Sequence[int],
        dev: Sequence[int],
        epochs: Sequence[int],
        checkpoint: Checkpoint,
        name: str = DEVELOPMENT,
    ) -> None:
        self.config, self.dataset, self.fold, self.name = config, dataset, fold, name
        self.rows, self.dev, self.epochs, self.checkpoint = list(rows), list(dev), list(epochs), checkpoint
        self.model = new_model(config, dataset, self.rows, fold)
        saved = checkpoint.phase_state(name) or {}
        self.chosen: list[int] = list(saved.get("chosen", []))
        """Chosen epoch of each finished stage, counted within the stage."""
        self.ends: list[Weights] = list(saved.get("ends", []))
        """The model at these epochs."""
        self.log: list[dict[str, float]] = list(saved.get("log", []))
        self.progress = StageProgress(**saved.get("progress", {}))
        self._saved_state = saved.get("state")
        self.state: TrainState
        self.stage_dataset: Dataset
        """The dataset as the current stage reads it: its tasks, and the states of layers that the stage freezes."""

    @property
    def monitors(self) -> bool:
        """Whether each task's gradient is measured."""
        return self.config.weighting.monitor and self.name == DEVELOPMENT

    @property
    def waits(self) -> bool:
        """Whether patience can end the current stage early."""
        return bool(self.dev) and self.state.stage.patience > 0

    def begin_stage(self) -> bool:
        """Sets up the next stage from the end of the last one. Returns False if none is left; the model is then final."""
        number = len(self.chosen)
        if self.ends:
            # A stage starts from the epoch that the previous stage chose, which is not always its last one.
            self.model.load_state_dict(self.ends[-1])
        if number == len(self.epochs):
            # Frozen states exist only for training and development rows; test rows need the layers.
            read_raw_states(self.model)
            # `ends` holds the final weights, so the state of the optimiser is no longer needed.
            self.checkpoint.finish_phase(self.name, self.snapshot(with_state=False))
            return False
        self.state = begin_stage(self.config, self.dataset, self.model, self.rows, self.fold, number, self.epochs[number])
        if self._saved_state:
            # Restore into the new state: optimiser and schedule load their values in place.
            restore(self.state, self._saved_state)
            self._saved_state = None
        before = [plan.trains for plan in self.config.stage_plans()[:number]]
        # Stored outputs of the layers are outdated as soon as one stage has trained layers or adapters.
        changed = any(trains & {"adapters", "encoder"} for trains in before)
        own = self.dataset.for_tasks(self.state.stage.weights)
        self.stage_dataset = precompute_frozen(self.config, own, self.model, [*self.rows, *self.dev], changed)
        return True

    def goes_on(self) -> bool:
        """Whether the stage has epochs left, and patience."""
        done, progress = self.progress.epoch, self.progress
        # Patience counts the epochs since the best running mean, not since the best single score.
        patient = not (self.waits and done - progress.chosen >= self.state.stage.patience)
        return done < self.epochs[len(self.chosen)] and patient

    def start_epoch(self) -> int:
        """Returns the number of the next epoch, counted within the stage."""
        self.progress.epoch += 1
        return self.progress.epoch

    def end_epoch(self, measured: Mapping[str, float]) -> EpochEnd:
        """Scores the development part, records the epoch, and keeps the model if it is the best so far."""
        progress, state, number = self.progress, self.state, len(self.chosen)
        dev = math.nan
        if self.dev:
            dev = development_score(self.config, self.stage_dataset, self.model, self.dev, state.stage.weights)
        stage = {"stage": float(number + 1)} if len(self.epochs) > 1 else {}
        done = float(len(self.log) + 1)
        self.log.append({"epoch": done, **stage, "rate": float(state.rates.get_last_lr()[0]), "dev": dev, **measured})
        progress.steady = running_mean(progress.steady, dev)
        # Strictly greater: the earliest of several equally good epochs wins.
        if self.waits and progress.steady > progress.best:
            progress.best, progress.chosen = progress.steady, progress.epoch
            progress.weights = copy_weights(self)
        spent = (sum(self.epochs[:number]) + progress.epoch) / sum(self.epochs)
        losses = {name: measured[name] for name in state.tasks}
        return EpochEnd(int(done), dev, losses, spent, self.name == REFIT)

    def end_stage(self) -> None:
        """Records the stage's best epoch and its model; without early stopping, the last ones."""
        if not self.progress.weights:
            self.progress.chosen, self.progress.weights = self.progress.epoch, copy_weights(self)
        self.chosen.append(self.progress.chosen)
        self.ends.append(self.progress.weights)
        self.progress = StageProgress()

    def snapshot(self, with_state: bool = True) -> dict[str, Any]:
        """Returns the state of the phase as plain data and tensors. `with_state` includes the model in training."""
        progress = {field.name: getattr(self.progress, field.name) for field in dataclasses.fields(self.progress)}
        state = snapshot(self.state) if with_state else None
        return {"chosen": self.chosen, "ends": self.ends, "log": self.log, "progress": progress, "state": state}


def copy_weights(phase: Phase) -> Weights:
    """Copies the current weights into tensors that training does not change."""
    return {name: value.clone() for name, value in phase.model.state_dict().items()}


def running_mean(mean: float, score: float) -> float:
    """Returns the running mean of development scores with weights 1/2, 1/4, ... back. The next epoch replaces a score of -inf.

    >>> running_mean(running_mean(math.nan, 0.5), 1.0), running_mean(running_mean(math.nan, -math.inf), 0.5)
    (0.75, 0.5)
    """
    return (mean + score) / 2 if math.isfinite(mean) else score


def best_so_far(scores: Sequence[float]) -> list[float]:
    """Returns the highest running mean so far after each epoch, the value that chooses the epoch.

    >>> best_so_far([0.5, 1.0, 0.25])
    [0.5, 0.75, 0.75]
    """
    means = itertools.accumulate(scores, running_mean, initial=math.nan)
    return list(itertools.accumulate(itertools.islice(means, 1, None), max))
