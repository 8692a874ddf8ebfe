"""Trains one fold: AdamW, warm-up and cosine, clipping, early stopping on the development part.

epoch: batches by length -> step (step.py) ... -> development score -> keep the best -> stop?
"""

import copy
import dataclasses
import math
from collections.abc import Generator, Mapping, Sequence
from typing import cast

import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser_core.batch import batches_by_length
from ser_core.config import Config, Optim
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import TrainingError
from ser_core.folds import Fold
from ser_core.inputs import Inputs, device_of
from ser_core.masking.masking import masked
from ser_core.metrics import main_scores
from ser_core.model import SpeechEmotionModel, build_model, derived_seed
from ser_core.noise import Noise
from ser_core.step import Course, descend, total_loss
from ser_core.tasks import Head, Memory
from ser_core.weighting import Weighting


@dataclasses.dataclass(frozen=True)
class EpochEnd:
    """Where training stands after an epoch. `dev` is the development score, more is better; `losses` are means per task."""

    epoch: int
    dev: float
    losses: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained fold: the model as it was at its best epoch, and how it got there."""

    model: SpeechEmotionModel
    dev_predictions: pd.DataFrame
    """Of the model that never saw the development part."""
    chosen_epoch: int
    epochs: list[dict[str, float]]


def begin(config: Config, inputs: Inputs, rows: Sequence[int], fold: int, epochs: int) -> Course:
    """A fresh course of so many epochs over these rows; all that is random in it comes from the seed and the fold."""
    weights_seed = derived_seed(config.seed, fold, "weights")
    model = build_model(config, inputs, torch.as_tensor(rows), weights_seed).to(device_of(config))
    weighting = config.weighting.build() if len(model.heads) > 1 else Weighting()
    tasks = [config.tasks.all()[name].weight for name in model.heads]
    state = weighting.begin(torch.tensor(tasks, device=device_of(config)))
    groups = parameter_groups(model, config.optim)
    if learned := [state[name].requires_grad_() for name in weighting.learned]:
        groups.append({"params": learned, "weight_decay": 0.0, "lr": config.optim.learning_rate * weighting.rate})
    optimiser = torch.optim.AdamW(groups, lr=config.optim.learning_rate, fused=True)
    steps = epochs * math.ceil(len(rows) / config.optim.batch)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step / steps, config.optim.warmup))
    generator = torch.Generator().manual_seed(derived_seed(config.seed, fold, "order"))
    masks = torch.Generator().manual_seed(derived_seed(config.seed, fold, "masking"))
    hidden = config.model.masking.plan(list(inputs.channels), epochs, masks)
    heads = {name: cast(Head, head) for name, head in model.heads.items()}
    memory = {
        name: Memory.blank(head.remembers, head.outputs, inputs.targets[name]).to(device_of(config))
        for name, head in heads.items()
        if head.remembers
    }
    return Course(model, rows, weighting, state, optimiser, rates, generator, hidden, memory)


def fit(config: Config, inputs: Inputs, fold: Fold) -> Generator[EpochEnd, None, Fitted]:
    """Trains on the fold's training part, yields after each epoch, returns the best model.

    The chosen epoch has the greatest running mean of development scores, since one speaker's score jumps about; without
    a development part it is the last. With `optim.refit` a second model is then trained from the start on training and
    development part together, as far as the protocol lets them join, for that many epochs, and is what `Fitted.model` holds.
    Raises TrainingError naming epoch, step and task when a loss becomes non-finite.
    """
    course = begin(config, inputs, fold.train.tolist(), fold.number, config.optim.epochs)
    model = course.model
    best, chosen, kept, log = -math.inf, 0, copy.deepcopy(model.state_dict()), []
    steady, develops = math.nan, len(fold.dev) > 0
    for epoch in range(1, config.optim.epochs + 1):
        with masked(model, course.masked[epoch - 1]):
            measured = train_epoch(config, inputs, course, epoch, config.weighting.monitor)
        dev = development_score(config, inputs, model, fold.dev.tolist()) if develops else math.nan
        log.append({"epoch": float(epoch), "rate": course.rates.get_last_lr()[0], "dev": dev, **measured})
        steady = steadied(steady, dev)
        if steady > best:
            best, chosen, kept = steady, epoch, copy.deepcopy(model.state_dict())
        yield EpochEnd(epoch, dev, {name: measured[name] for name in model.heads})
        if develops and epoch - chosen >= config.optim.patience:
            break
    if not develops:
        return Fitted(model, predict(config, inputs, model, fold.train.tolist()[:1]).iloc[:0], config.optim.epochs, log)
    model.load_state_dict(kept)
    judged = predict(config, inputs, model, fold.dev.tolist())
    if config.optim.refit and fold.joins:
        course = begin(config, inputs, [*fold.train.tolist(), *fold.dev.tolist()], fold.number, chosen)
        for epoch in range(1, chosen + 1):
            with masked(course.model, course.masked[epoch - 1]):
                train_epoch(config, inputs, course, epoch)
        model = course.model
    return Fitted(model, judged, chosen, log)


def steadied(mean: float, score: float) -> float:
    """Running mean of development scores, weights 1/2, 1/4, ... back; an epoch without a score (-inf) is forgotten by the next.

    >>> steadied(steadied(math.nan, 0.5), 1.0), steadied(steadied(math.nan, -math.inf), 0.5)
    (0.75, 0.5)
    """
    return (mean + score) / 2 if math.isfinite(mean) else score


def rate(done: float, warmup: float) -> float:
    """Factor on the learning rate after the share `done` of all steps: linear warm-up, then cosine to 0.

    >>> [round(rate(done, 0.5), 3) for done in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if done < warmup:
        return max(done, 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / max(1e-9, 1 - warmup))))


def parameter_groups(model: SpeechEmotionModel, optim: Optim) -> list[dict[str, object]]:
    """Matrices decay; biases, norms and tokens do not; layer weights and trained encoder layers have rates of their own."""
    groups: dict[str, list[Tensor]] = {"decay": [], "plain": [], "layers": []}
    tuned = {
        parameter: factor for stem in model.stems.values() if isinstance(stem, TunedStem) for parameter, factor in stem.rates()
    }
    for name, parameter in model.named_parameters():
        if parameter in tuned:
            continue
        kind = "layers" if name.endswith("layer_scores") else "plain" if parameter.ndim < 2 or "tokens" in name else "decay"
        groups[kind].append(parameter)
    return [
        {"params": groups["decay"], "weight_decay": optim.weight_decay},
        {"params": groups["plain"], "weight_decay": 0.0},
        {"params": groups["layers"], "weight_decay": 0.0, "lr": optim.learning_rate * optim.layer_rate},
        *(
            {"params": [parameter], "weight_decay": optim.weight_decay * (parameter.ndim > 1), "lr": optim.learning_rate * factor}
            for parameter, factor in tuned.items()
        ),
    ]


def train_epoch(config: Config, inputs: Inputs, course: Course, epoch: int, monitor: bool = False) -> dict[str, float]:
    """One pass over the course's rows; means over its steps: loss per task, and with `monitor` what descend measures."""
    device = device_of(config)
    model, rows, generator = course.model, course.rows, course.generator
    measured: dict[str, list[Tensor]] = {}
    lengths = [inputs.lengths[row] for row in rows]
    batches = list(batches_by_length(lengths, config.optim.batch, generator))
    parameters: dict[str, Tensor] = dict(model.named_parameters())
    model.train()
    for step, positions in enumerate(batches, start=1):
        batch = inputs.batch([int(rows[position]) for position in positions]).to(device)
        key = torch.randint(2**62, (), generator=generator).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and config.optim.bf16):
            loss, losses, outputs = total_loss(course, parameters, batch, key)
        if not torch.isfinite(loss):
            raise TrainingError(_not_finite(losses, epoch, step))
        found = descend(course, loss, losses, key, config.optim.clip, monitor)
        for name, past in course.memory.items():
            course.memory[name] = past.extended(outputs[name], batch.targets[name])
        for name, value in {**losses, **found}.items():
            measured.setdefault(name, []).append(value.detach())
    means = {name: torch.stack(values).nanmean() for name, values in measured.items()}
    course.state.update(course.weighting.after_epoch(course.state, torch.stack([means[name] for name in model.heads])))
    return {name: float(mean) for name, mean in means.items()}


def _not_finite(losses: Mapping[str, Tensor], epoch: int, step: int) -> str:
    bad = [name for name, loss in losses.items() if not torch.isfinite(loss)]
    where = f"epoch {epoch}, step {step}"
    named = " and ".join(bad) or "summed"
    return f"the {named} loss became non-finite in {where}; lower optim.learning_rate or the task's weight"


@torch.no_grad()
def predict(config: Config, inputs: Inputs, model: SpeechEmotionModel, rows: Sequence[int]) -> pd.DataFrame:
    """Predictions for these rows in the columns of TestPart.predictions, float32 whatever training used."""
    device = device_of(config)
    model.eval()
    order = sorted(range(len(rows)), key=lambda position: inputs.lengths[rows[position]])
    parts: dict[str, list[Tensor]] = {name: [] for name in model.heads}
    for start in range(0, len(order), 32):
        batch = inputs.batch([int(rows[position]) for position in order[start : start + 32]]).to(device)
        for name, output in model(batch, Noise(None))[0].items():
            parts[name] += cast(Head, model.heads[name]).answers(output).float().cpu()
    back = torch.tensor(order).argsort().tolist()
    numbers = torch.as_tensor(rows)
    table = inputs.corpus.table.iloc[list(rows)]
    columns = [table[["utterance", "speaker", "gender"]].reset_index(drop=True)]
    for name, answers in parts.items():
        task, answer = config.tasks.all()[name], pad_sequence([answers[position] for position in back], batch_first=True)
        columns.append(task.columns(inputs.corpus, answer, inputs.targets[name][numbers]))
    return pd.concat(columns, axis=1)


def development_score(config: Config, inputs: Inputs, model: SpeechEmotionModel, rows: Sequence[int]) -> float:
    """What early stopping maximises: mean of UAR and mean CCC (as far as trained), or minus the summed loss.

    Minus the summed loss too where nothing is trained that has such a score, as with the transcript alone.
    """
    scores = {} if config.optim.monitor == "loss" else main_scores(predict(config, inputs, model, rows))
    return headline(scores) if scores else -development_loss(config, inputs, model, rows)


@torch.no_grad()
def development_loss(config: Config, inputs: Inputs, model: SpeechEmotionModel, rows: Sequence[int]) -> float:
    """The loss over all of `rows` as one batch, under tasks.<name>.weight whatever the weighting: equal across epochs."""
    model.eval()
    batch = inputs.batch([int(row) for row in rows]).to(device_of(config))
    losses = model(batch, Noise(None))[1]
    return float(sum(config.tasks.all()[name].weight * loss for name, loss in losses.items()))


def headline(scores: Mapping[str, float]) -> float:
    """Mean of UAR and mean CCC, of those that are there; the UAR of helper tasks only when nothing else is.

    >>> headline({"uar": 0.75, "ccc.valence": 0.25, "ccc.arousal": 0.75})
    0.625
    """
    concordances = [value for name, value in scores.items() if name.startswith("ccc.") and math.isfinite(value)]
    parts = [scores["uar"]] if math.isfinite(scores.get("uar", math.nan)) else []
    parts += [sum(concordances) / len(concordances)] if concordances else []
    parts = parts or [scores[name] for name in ("gender.uar", "style.uar") if math.isfinite(scores.get(name, math.nan))]
    return sum(parts) / len(parts) if parts else -math.inf
