"""How a model predicts, and which score of its predictions chooses the epoch.

model + rows --predict--> one row per utterance --headline_scores--> headline, higher is better
"""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser_core.config.tree import Config
from ser_core.dataset.channels import device_of
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation.score import headline, headline_scores
from ser_core.keyed_dropout import DropoutKey
from ser_core.metrics.prediction_columns import vote_columns
from ser_core.model import SpeechEmotionModel
from ser_core.tasks import Head


@torch.no_grad()
def predict(
    config: Config, dataset: Dataset, model: SpeechEmotionModel, rows: Sequence[int], tasks: Collection[str] | None = None
) -> pd.DataFrame:
    """Predicts these tasks (or all) for these rows, in the columns of TestPart.predictions; always in float32."""
    device = device_of(config)
    model.eval()
    order = sorted(range(len(rows)), key=lambda position: dataset.lengths[rows[position]])
    parts: dict[str, list[Tensor]] = {name: [] for name in model.heads if tasks is None or name in tasks}
    for start in range(0, len(order), 32):
        batch = dataset.batch([int(rows[position]) for position in order[start : start + 32]]).to(device)
        for name, output in model(batch, DropoutKey(None), tasks=tasks)[0].items():
            parts[name] += cast(Head, model.heads[name]).answers(output).float().cpu()
    back = torch.tensor(order).argsort().tolist()
    numbers = torch.as_tensor(rows)
    table = dataset.corpus.table.iloc[list(rows)]
    columns = [table[["utterance", "speaker", "gender"]].reset_index(drop=True)]
    for name, answers in parts.items():
        task, answer = config.tasks.all()[name], pad_sequence([answers[position] for position in back], batch_first=True)
        columns.append(task.columns(dataset.corpus, answer, dataset.targets[name][numbers]))
    if "emotion" in parts and dataset.corpus.votes is not None:
        columns.append(vote_columns(dataset.corpus.classes, dataset.corpus.votes[list(rows)]))
    return pd.concat(columns, axis=1)


def development_score(
    config: Config, dataset: Dataset, model: SpeechEmotionModel, rows: Sequence[int], weights: Mapping[str, float] | None = None
) -> float:
    """Returns the score that early stopping maximises: the mean of UAR and mean CCC of the trained tasks, or minus the loss.

    It is also minus the summed loss if no trained task has such a score, for example with the transcript alone. `weights`
    are the weights of the tasks that count; by default tasks.<name>.weight of all.
    """
    weights = weights or {name: task.weight for name, task in config.tasks.active().items()}
    known = config.optim.monitor != "loss"
    scores = headline_scores(predict(config, dataset, model, rows, list(weights))) if known else {}
    return headline(scores) if scores else -development_loss(config, dataset, model, rows, weights)


@torch.no_grad()
def development_loss(
    config: Config, dataset: Dataset, model: SpeechEmotionModel, rows: Sequence[int], weights: Mapping[str, float]
) -> float:
    """Returns the loss over all of `rows` as one batch, always under these weights, so that it is comparable across epochs."""
    model.eval()
    batch = dataset.batch([int(row) for row in rows]).to(device_of(config))
    losses = model(batch, DropoutKey(None), tasks=list(weights))[1]
    return float(sum(weights[name] * loss for name, loss in losses.items()))
