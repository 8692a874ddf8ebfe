"""Trains one fold. Read `fit`, then `train_phase`: stages, epochs, early stopping and checkpoints, in order.

    training part --stages, best epochs by the development part--> model, numbers of epochs
    training + development part --stages, as many epochs--> tested model        (optim.refit)
A fold that is killed goes on from its last checkpoint, to the same last bit. `packed/fit_packed.py` loops over many folds.
"""

import dataclasses
from collections.abc import Generator, Iterator

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
from ser_core.training.phase import REFIT, EpochEnd, Phase, Weights


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained fold: the model as it was at its best epoch, and how it got there."""

    model: SpeechEmotionModel
    """The model that is tested."""
    judged: SpeechEmotionModel
    """The model that never saw the development part: the same one, unless it was trained anew on both parts."""
    dev_predictions: pd.DataFrame
    """Of the judged model."""
    chosen_epoch: int
    """The last stage's, counted through all stages as they ran."""
    epochs: list[dict[str, float]]
    between: list[Weights]
    """The tested model as each stage but the last left it."""


def fit(config: Config, dataset: Dataset, fold: Fold, checkpoint: Checkpoint | None = None) -> Generator[EpochEnd, None, Fitted]:
    """Trains on the fold's training part, yields after each epoch, returns the best model.

    The chosen epoch of a stage has the greatest running mean of development scores, since one speaker's score jumps about;
    without a development part it is the last. With `optim.refit` a second model is then trained from the start on training
    and development part together, as far as the protocol lets them join, for those numbers of epochs, and is the tested one.

    `checkpoint` saves states on the way and may hold one to go on from.
    Raises TrainingError naming epoch, step and task when a loss becomes non-finite.
    """
    phase = first_phase(config, dataset, fold, checkpoint or Checkpoint())
    yield from train_phase(phase)
    fitted = fitted_by(phase)
    again = refit_phase(phase, fold)
    if again:
        for _ in train_phase(again):
            pass
        fitted = refitted(fitted, again)
    return fitted


def train_phase(phase: Phase) -> Iterator[EpochEnd]:
    """Trains one model through all its stages."""
    while phase.begin_stage():
        while phase.goes_on():
            epoch = phase.start_epoch()
            measured = train_epoch(phase.config, phase.inputs, phase.state, epoch, phase.monitors)
            end = phase.end_epoch(measured)
            phase.checkpoint.save(phase.name, phase.snapshot)
            yield end
        phase.end_stage()


def first_phase(config: Config, dataset: Dataset, fold: Fold, checkpoint: Checkpoint) -> Phase:
    """The phase on the training part, from where a checkpoint left it."""
    dataset = pool_channels(config, dataset)
    checkpoint.load(device_of(config))
    epochs = [stage.epochs for stage in config.stage_plans()]
    return Phase(config, dataset, fold.number, fold.train.tolist(), fold.dev.tolist(), epochs, checkpoint)


def refit_phase(first: Phase, fold: Fold) -> Phase | None:
    """The phase on both parts, each stage as long as the first phase chose; None where it is not wanted or not allowed."""
    if not (first.dev and first.config.optim.refit and fold.joins):
        return None
    rows = [*first.rows, *first.dev]
    return Phase(first.config, first.dataset, first.fold, rows, [], first.chosen, first.checkpoint, REFIT)


def fitted_by(first: Phase) -> Fitted:
    """What the phase on the training part has come to."""
    last = first.log[-1].get("stage", 0)
    chosen = len([entry for entry in first.log if entry.get("stage", 0) != last]) + first.chosen[-1]
    rows = first.dev or first.rows[:1]  # one row gives the columns where there is no development part
    predictions = predict(first.config, first.dataset, first.model, rows).iloc[: len(first.dev)]
    return Fitted(first.model, first.model, predictions, chosen, first.log, first.ends[:-1])


def refitted(fitted: Fitted, again: Phase) -> Fitted:
    """The same with the model of the second phase as the tested one."""
    return dataclasses.replace(fitted, model=again.model, between=again.ends[:-1])
