"""Trains one fold. Read `fit`, then `train_phase`: stages, epochs, early stopping and checkpoints, in order.

    training part --stages, best epochs by the development part--> model, numbers of epochs
    training + development part --stages, same numbers of epochs--> tested model        (optim.refit)
A killed fold resumes from its last checkpoint, with identical results to the last bit. `packed/fit_packed.py` trains many folds.
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
    """A trained fold: the model at its best epoch, and how training got there."""

    model: SpeechEmotionModel
    """The model that is tested."""
    judged: SpeechEmotionModel
    """The model that never saw the development part: the same model, unless it was retrained on both parts."""
    dev_predictions: pd.DataFrame
    """Predictions of the judged model."""
    chosen_epoch: int
    """The chosen epoch of the last stage, counted through all stages that ran."""
    epochs: list[dict[str, float]]
    between: list[Weights]
    """The tested model after each stage but the last."""


def fit(config: Config, dataset: Dataset, fold: Fold, checkpoint: Checkpoint | None = None) -> Generator[EpochEnd, None, Fitted]:
    """Trains on the fold's training part, yields after each epoch, and returns the best model.

    Each stage chooses the epoch with the highest running mean of development scores, because the score of a single speaker
    is noisy. Without a development part it chooses the last epoch. With `optim.refit`, a second model is then trained from
    scratch for those numbers of epochs on training and development part together, as far as the protocol allows; that one is
    tested.

    `checkpoint` saves states during training and may hold a state to resume from.
    Raises TrainingError, which names epoch, step and task, when a loss becomes non-finite.
    """
    phase = first_phase(config, dataset, fold, checkpoint or Checkpoint())
    yield from train_phase(phase)
    fitted = fitted_by(phase)
    again = refit_phase(phase, fold)
    if again:
        # The epochs of the refit have no development score, so the caller does not see them.
        for _ in train_phase(again):
            pass
        fitted = refitted(fitted, again)
    return fitted


def train_phase(phase: Phase) -> Iterator[EpochEnd]:
    """Trains one model through all its stages."""
    while phase.begin_stage():
        while phase.goes_on():
            epoch = phase.start_epoch()
            measured = train_epoch(phase.config, phase.stage_dataset, phase.state, epoch, phase.monitors)
            end = phase.end_epoch(measured)
            # Save before the yield, because the caller may stop there.
            phase.checkpoint.save(phase.name, phase.snapshot)
            yield end
        phase.end_stage()


def first_phase(config: Config, dataset: Dataset, fold: Fold, checkpoint: Checkpoint) -> Phase:
    """Returns the phase on the training part, resumed from the checkpoint."""
    dataset = pool_channels(config, dataset)
    checkpoint.load(device_of(config))
    epochs = [stage.epochs for stage in config.stage_plans()]
    return Phase(config, dataset, fold.number, fold.train.tolist(), fold.dev.tolist(), epochs, checkpoint)


def refit_phase(first: Phase, fold: Fold) -> Phase | None:
    """Returns the phase on both parts, with the epochs that the first phase chose per stage; None if not wanted or allowed."""
    # `joins` is False for the partner of the test speaker and for a corpus's own development part, which are never trained on.
    if not (first.dev and first.config.optim.refit and fold.joins):
        return None
    # No development part: the first phase has already chosen the number of epochs of each stage.
    rows = [*first.rows, *first.dev]
    return Phase(first.config, first.dataset, first.fold, rows, [], first.chosen, first.checkpoint, REFIT)


def fitted_by(first: Phase) -> Fitted:
    """Returns the result of the phase on the training part."""
    last = first.log[-1].get("stage", 0)
    # `first.chosen` counts within its stage; add the epochs of the earlier stages.
    chosen = len([entry for entry in first.log if entry.get("stage", 0) != last]) + first.chosen[-1]
    rows = first.dev or first.rows[:1]  # without a development part, one row still gives the columns
    predictions = predict(first.config, first.dataset, first.model, rows).iloc[: len(first.dev)]
    return Fitted(first.model, first.model, predictions, chosen, first.log, first.ends[:-1])


def refitted(fitted: Fitted, again: Phase) -> Fitted:
    """Returns the same result with the model of the second phase as the tested one."""
    return dataclasses.replace(fitted, model=again.model, between=again.ends[:-1])
