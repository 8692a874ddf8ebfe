"""Trains one fold: through its stages with early stopping, and once more with the development part where it may join.

    training part --stages, best epochs by the development part--> model, numbers of epochs
    training + development part --stages, as many epochs--> tested model        (optim.refit)
A fold that is killed goes on from the last state it kept, to the same last bit.
"""

import dataclasses
from collections.abc import Generator

import pandas as pd

from ser_core.config.tree import Config
from ser_core.dataset.channels import device_of
from ser_core.dataset.dataset import Dataset
from ser_core.dataset.mean_pooling import pool_channels
from ser_core.folds import Fold
from ser_core.model import SpeechEmotionModel
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.epoch import train_epoch
from ser_core.training.evaluate import predict
from ser_core.training.stage_loop import EpochEnd, EpochRequest, Phase, Weights, run_stages
from ser_core.training.train_state import new_model


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained fold: the model as it was at its best epoch, and how it got there."""

    model: SpeechEmotionModel
    judged: SpeechEmotionModel
    """The model that never saw the development part: the same one, unless it was trained anew on both parts."""
    dev_predictions: pd.DataFrame
    """Of the judged model."""
    chosen_epoch: int
    """The last stage's, counted through all stages as they ran."""
    epochs: list[dict[str, float]]
    between: list[Weights]
    """The tested model as each stage but the last left it."""


Walk = Generator[EpochRequest | EpochEnd, dict[str, float], Fitted]
"""A fold from epoch to epoch: each EpochRequest is answered with what `train_epoch` returns, and followed by an EpochEnd."""


def fit(config: Config, inputs: Dataset, fold: Fold, keeper: Checkpoint | None = None) -> Generator[EpochEnd, None, Fitted]:
    """Trains on the fold's training part, yields after each epoch, returns the best model.

    `keeper` keeps states on the way and may hold one to go on from.
    Raises TrainingError naming epoch, step and task when a loss becomes non-finite.
    """
    walk = steps(config, inputs, fold, keeper or Checkpoint())
    try:
        event = next(walk)
        while True:
            if isinstance(event, EpochRequest):
                event = walk.send(train_epoch(event.config, event.inputs, event.course, event.epoch, event.monitor))
                continue
            if not event.refit:
                yield event
            event = next(walk)
    except StopIteration as stop:
        return stop.value


def steps(config: Config, inputs: Dataset, fold: Fold, keeper: Checkpoint) -> Walk:
    """The way of a fold from epoch to epoch, whoever trains them (EpochRequest).

    The chosen epoch of a stage has the greatest running mean of development scores, since one speaker's score jumps about;
    without a development part it is the last. With `optim.refit` a second model is then trained from the start on training
    and development part together, as far as the protocol lets them join, for those numbers of epochs, and is what
    `Fitted.model` holds.
    """
    inputs = pool_channels(config, inputs)
    keeper.load(device_of(config))
    first = Phase(fold.train.tolist(), fold.dev.tolist(), [stage.epochs for stage in config.stage_plans()])
    model = new_model(config, inputs, first.rows, fold.number)
    yield from run_stages(config, inputs, model, fold.number, first, keeper, "development")
    chosen = len([entry for entry in first.log if entry.get("stage", 0) != first.log[-1].get("stage", 0)]) + first.chosen[-1]
    predictions = predict(config, inputs, model, first.dev or first.rows[:1]).iloc[: len(first.dev)]
    if not (first.dev and config.optim.refit and fold.joins):
        return Fitted(model, model, predictions, chosen, first.log, first.ends[:-1])
    again = Phase([*first.rows, *first.dev], [], first.chosen)
    judged, model = model, new_model(config, inputs, again.rows, fold.number)
    yield from run_stages(config, inputs, model, fold.number, again, keeper, "refit")
    return Fitted(model, judged, predictions, chosen, first.log, again.ends[:-1])
