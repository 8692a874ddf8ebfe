"""Models in a folder without training: random weights are enough where only the answers of two programs are compared."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.model import build_model
from ser_core.trained.describe import Trained, describe
from ser_core.trained.description import write_description
from ser_core.trained.train import write_member


def untrained(config: Config, folder: Path, seeds: Sequence[int] = (0, 1), dataset: Dataset | None = None) -> Path:
    """Writes a model folder with a member for each seed."""
    planned = plan(config, dataset=dataset)
    rows = torch.arange(len(planned.dataset.corpus))
    for number, seed in enumerate(seeds):
        write_member(build_model(config, planned.dataset, rows, seed), folder, number)
    trained = Trained(seeds, [1], "Not trained.")
    write_description(describe(planned.config, planned.dataset, planned.card, len(rows), trained), folder)
    return folder
