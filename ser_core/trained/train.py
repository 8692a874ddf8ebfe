"""Trains a model on all utterances of a corpus, for a given number of epochs.

epochs of each stage, every utterance --fit, once per seed--> members --> member-0.safetensors, member-1.safetensors ...
No development part is left to choose by, so nothing is chosen here. A member is saved as soon as it is trained.
"""

import dataclasses
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from ser_core.config.tree import Config
from ser_core.dataset.channels import device_of
from ser_core.dataset.dataset import Dataset
from ser_core.dataset.mean_pooling import pool_channels
from ser_core.folds import Folds
from ser_core.model import SpeechEmotionModel
from ser_core.tasks import TASKS
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.fit import train_phase
from ser_core.training.phase import EpochEnd, Phase

EVERYONE = 0
"""Number that stands for the fold in the seeds of a model that learns from everyone; folds count from 1."""


def train_member(
    config: Config, dataset: Dataset, rows: Sequence[int], epochs: Sequence[int], file: Path | None = None
) -> Iterator[EpochEnd | SpeechEmotionModel]:
    """Trains one model on these utterances, yields after each epoch, and the model at the end. `file` holds its checkpoint."""
    checkpoint = Checkpoint(file, config.run.checkpoint_seconds) if file else Checkpoint()
    checkpoint.load(device_of(config))
    phase = Phase(config, pool_channels(config, dataset), EVERYONE, rows, [], epochs, checkpoint)
    yield from train_phase(phase)
    checkpoint.delete()
    yield phase.model


def everyone(folds: Folds) -> list[int]:
    """Returns the utterances that any fold trains on, develops on or tests."""
    return sorted({int(row) for fold in folds.folds for part in (fold.train, fold.dev, fold.test) for row in part})


def needed_weights(model: SpeechEmotionModel) -> dict[str, torch.Tensor]:
    """Returns the weights that predictions need: without what only training reads, such as mixup and the speakers' head."""
    heads = [name for name in model.heads if TASKS[name].predicts or TASKS[name].lends]
    return {
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
        if not name.startswith(("heads.", "mixup.")) or (name.startswith("heads.") and name.split(".")[1] in heads)
    }


def write_member(model: SpeechEmotionModel, folder: Path, number: int) -> None:
    """Writes member-N.safetensors completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".member-{number}.{uuid.uuid4().hex}"
    save_file(needed_weights(model), draft)
    draft.replace(folder / f"member-{number}.safetensors")


@dataclasses.dataclass(frozen=True)
class Members:
    """What train_members reports: the number of the member, and its epoch."""

    number: int
    end: EpochEnd


def train_members(
    config: Config,
    dataset: Dataset,
    rows: Sequence[int],
    epochs: Sequence[int],
    seeds: Sequence[int],
    folder: Path,
    on_epoch: Callable[[Members], None],
) -> None:
    """Trains the members that the folder lacks, one per seed."""
    torch.set_num_threads(config.run.threads)
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        if (folder / f"member-{number}.safetensors").exists():
            continue
        seeded = dataclasses.replace(config, seed=seed)
        for event in train_member(seeded, dataset, rows, epochs, folder / f".member-{number}.state"):
            if isinstance(event, EpochEnd):
                on_epoch(Members(number, event))
            else:
                write_member(event, folder, number)


def copy_model(source: Path, target: Path) -> None:
    """Copies a model folder to a place that does not exist yet, completely or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        shutil.copytree(source, draft, ignore=shutil.ignore_patterns(".*"))
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
