"""Trains a model on all utterances of a corpus, for the number of epochs that cross-validation chose.

records --chosen epochs of each stage--> median --fit on every utterance, once per seed--> members --> folder
No development part is left to choose by, so nothing is chosen here. A member is saved as soon as it is trained.
"""

import dataclasses
import math
import shutil
import statistics
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import FoldRecord
from ser_core.dataset.channels import device_of
from ser_core.dataset.mean_pooling import pool_channels
from ser_core.folds import Fold
from ser_core.model import SpeechEmotionModel
from ser_core.tasks import TASKS
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.fit import train_phase
from ser_core.training.phase import EpochEnd, Phase, running_mean

EVERYONE = 0
"""Number that stands for the fold in the seeds of a model that learns from everyone; folds count from 1."""


def chosen_epochs(record: FoldRecord) -> list[int]:
    """Returns the epochs that a fold chose in each stage, from its development scores.

    The last stage has the record's own choice. Earlier stages are chosen as training does, by the highest running mean.
    """
    stages = sorted({entry.get("stage", 1.0) for entry in record.epochs})
    found, before = [], 0
    for stage in stages:
        scores = [entry["dev"] for entry in record.epochs if entry.get("stage", 1.0) == stage]
        if stage == stages[-1]:
            found.append(record.chosen_epoch - before)
        else:
            found.append(best_epoch(scores))
        before += len(scores)
    return found


def best_epoch(scores: Sequence[float]) -> int:
    """Returns the first epoch (from 1) with the highest running mean; the last one without scores.

    >>> best_epoch([0.5, 1.0, 0.2]), best_epoch([float("nan"), float("nan")])
    (2, 2)
    """
    mean, best, chosen = math.nan, -math.inf, len(scores)
    for number, score in enumerate(scores, start=1):
        mean = running_mean(mean, score)
        if mean > best:
            best, chosen = mean, number
    return chosen


def median_epochs(records: Sequence[FoldRecord]) -> list[int]:
    """Returns the median over folds and seeds of the chosen epochs of each stage, the higher of two middle ones."""
    return [statistics.median_high(each) for each in zip(*map(chosen_epochs, records), strict=True)]


def train_member(planned: Plan, epochs: Sequence[int], file: Path | None = None) -> Iterator[EpochEnd | SpeechEmotionModel]:
    """Trains one model on every utterance, yields after each epoch, and the model at the end. `file` holds its checkpoint."""
    config, dataset = planned.config, pool_channels(planned.config, planned.dataset)
    checkpoint = Checkpoint(file, config.run.checkpoint_seconds) if file else Checkpoint()
    checkpoint.load(device_of(config))
    phase = Phase(config, dataset, EVERYONE, everyone(planned), [], epochs, checkpoint)
    yield from train_phase(phase)
    checkpoint.delete()
    yield phase.model


def everyone(planned: Plan) -> list[int]:
    """Returns the utterances that any fold trains on, develops on or tests."""
    folds: Sequence[Fold] = planned.folds.folds
    return sorted({int(row) for fold in folds for part in (fold.train, fold.dev, fold.test) for row in part})


def needed_weights(model: SpeechEmotionModel) -> dict[str, torch.Tensor]:
    """Returns the weights that predictions need: without heads that only training reads, such as that of the speakers."""
    heads = [name for name in model.heads if TASKS[name].predicts or TASKS[name].lends]
    return {
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
        if not name.startswith("heads.") or name.split(".")[1] in heads
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
    planned: Plan, epochs: Sequence[int], seeds: Sequence[int], folder: Path, on_epoch: Callable[[Members], None]
) -> None:
    """Trains the members that the folder lacks, one per seed."""
    torch.set_num_threads(planned.config.run.threads)
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        if (folder / f"member-{number}.safetensors").exists():
            continue
        for event in train_member(planned.under_seed(seed), epochs, folder / f".member-{number}.state"):
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
