"""The seam: `cross_validate(config)` trains the folds that are missing and yields progress and one result per fold.

    plan(config): corpus, features, folds, keys  ->  for each fold: claimed? recorded? else fit, score, write  ->  yield
Whoever consumes the generator may stop at any yield. It needs no Ray, no Optuna and no MLflow.
"""

import copy
import dataclasses
import platform
from collections.abc import Iterator, Sequence
from typing import Any

import torch

import ser_core
from ser_core import spending
from ser_core.baselines import baselines, remembered
from ser_core.channels import device_of
from ser_core.compose import channels_fingerprint, fingerprint, resolved
from ser_core.conditions import condition
from ser_core.config import Config
from ser_core.errors import SettingError
from ser_core.fit import Fitted, fit
from ser_core.folds import Fold, Folds, make_folds
from ser_core.folds.flags import flags
from ser_core.inputs import Inputs, load_inputs
from ser_core.judge import predict
from ser_core.keeper import Keeper
from ser_core.masking.masking import hidden
from ser_core.metrics import DEFINITIONS, score, under
from ser_core.model import SpeechEmotionModel
from ser_core.records import FoldKey, FoldRecord, RunStore, TestPart


@dataclasses.dataclass(frozen=True)
class Plan:
    """What `cross_validate` will train: settled configuration, inputs, folds, and the key of each fold's record."""

    config: Config
    inputs: Inputs
    folds: Folds
    card: dict[str, Any]
    fingerprint: str
    channels: str
    """Names the features that the model reads."""

    def key(self, fold: int) -> FoldKey:
        return FoldKey(self.fingerprint, self.folds.hash, fold)

    @property
    def keys(self) -> list[FoldKey]:
        """One key per fold, in order."""
        return [self.key(fold.number) for fold in self.folds.folds]


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a fold stands: its number, the epoch, the development score, and the share of its epochs spent."""

    fold: int
    epoch: int
    dev: float
    spent: float


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A fold that is done: its development part (the test part stays in the store), and whether it was trained now."""

    record: FoldRecord
    trained: bool


def plan(config: Config, progress: bool = False, inputs: Inputs | None = None) -> Plan:
    """Reads corpus and features (unless given) and makes the folds; trains nothing.

    Tasks whose labels the corpus lacks are settled to weight 0 first, so that asking for them in vain is no other
    experiment than not asking.
    """
    inputs = inputs.aimed_at(config.tasks) if inputs else load_inputs(config, progress)
    settled = config.settled(inputs.corpus, inputs.channels)
    inputs.check(config)
    card = inputs.corpus.card(inputs.audio_hash)
    folds = make_folds(inputs.corpus, config.folds, card)
    audio = f"at most {config.audio.max_seconds:g} s, longer: {config.audio.longer}"
    flagged = flags(inputs.corpus, folds, settled.optim.refit)
    card |= {**folds.protocol, "flags": flagged, "split": folds.hash, "audio": audio, "skipped": len(inputs.skipped)}
    card["metrics"] = DEFINITIONS
    return Plan(settled, inputs, folds, card, fingerprint(settled, inputs.beside), channels_fingerprint(settled))


def cross_validate(
    config: Config, folds: Sequence[int] | None = None, store: RunStore | None = None, planned: Plan | None = None
) -> Iterator[Progress | FoldResult]:
    """Trains the given folds (numbers from 1; all by default) as far as the store lacks them.

    A fold that another process is training is waited for and then read, never trained twice. Raises TrainingError from
    a fold that cannot be trained; the folds before it are recorded.
    """
    planned = planned or plan(config)
    store = store or RunStore(config.run.store)
    torch.set_num_threads(config.run.threads)
    for number in folds or range(1, len(planned.folds) + 1):
        if not 1 <= number <= len(planned.folds):
            raise SettingError(f"there is no fold {number}: {planned.card['protocol']} has folds 1 to {len(planned.folds)}")
        key = planned.key(number)
        with store.claim(key) as missing:
            if missing:
                yield from _train(planned, planned.folds.folds[number - 1], store)
        yield FoldResult(store.load(key), trained=missing)


def _train(planned: Plan, fold: Fold, store: RunStore) -> Iterator[Progress]:
    """Trains one fold and writes its record."""
    config, key, device = planned.config, planned.key(fold.number), device_of(planned.config)
    keeper = Keeper(store.state_place(key), config.run.checkpoint_seconds)
    spending.begun(device)
    training = fit(config, planned.inputs, fold, keeper)
    while True:
        try:
            end = next(training)
        except StopIteration as stop:
            fitted: Fitted = stop.value
            break
        yield Progress(fold.number, end.epoch, end.dev, end.spent)
    dev = fitted.dev_predictions
    dev_scores = {**score(dev), **under_conditions(planned, fitted.judged, fold.dev.tolist())} if len(dev) else {}
    tested = predict(config, planned.inputs, fitted.model, fold.test.tolist())
    record = FoldRecord(
        key=key,
        seed=config.seed,
        held_out=fold.held_out,
        config=resolved(config),
        card=planned.card,
        sizes={
            **{part: len(getattr(fold, part)) for part in ("train", "dev", "test")},
            "parameters": sum(parameter.numel() for parameter in fitted.model.parameters()),
            **_left_out(planned, fold),
        },
        dev=dev_scores,
        epochs=fitted.epochs,
        chosen_epoch=fitted.chosen_epoch,
        seconds=keeper.spent,
        skipped=planned.inputs.skipped,
        environment=environment(config),
        spent=spending.spent(device, keeper.spent),
    )
    place = remembered(store.folder / "baselines", planned.folds.hash, planned.channels, fold.number)
    metrics = score(tested) | under_conditions(planned, fitted.model, fold.test.tolist()) | _between(planned, fold, fitted)
    store.write(record, dev, TestPart(key, metrics, baselines(planned.inputs, fold, place), tested))
    keeper.forget()


def under_conditions(planned: Plan, model: SpeechEmotionModel, rows: Sequence[int]) -> dict[str, float]:
    """What a trained model scores on these rows under each of config.conditions: `<metric>@<condition>`."""
    found: dict[str, float] = {}
    for entry in planned.config.conditions:
        with hidden(model.stems, condition(entry).hides):
            predictions = predict(planned.config, planned.inputs.under(entry), model, rows)
        found |= {under(metric, entry): value for metric, value in score(predictions).items()}
    return found


def _between(planned: Plan, fold: Fold, fitted: Fitted) -> dict[str, float]:
    """Test metrics of the model as each stage but the last left it, of the tasks trained so far: `<metric>@<stage>`."""
    found: dict[str, float] = {}
    last, trained = copy.deepcopy(fitted.model.state_dict()), set[str]()
    for stage, weights in zip(planned.config.stage_plans(), fitted.between, strict=False):
        trained |= set(stage.weights)
        fitted.model.load_state_dict(weights)
        scores = score(predict(planned.config, planned.inputs, fitted.model, fold.test.tolist(), trained))
        found |= {f"{name}@{stage.name}": value for name, value in scores.items()}
    fitted.model.load_state_dict(last)
    return found


def _left_out(planned: Plan, fold: Fold) -> dict[str, int]:
    """Training utterances that a task's loss leaves out although they are labelled, as `<task>.left_out`, where there are any."""
    inputs, rows = planned.inputs, fold.train.tolist()
    steps = {name: [channel.lengths[row] for row in rows] for name, channel in inputs.channels.items()}
    tasks = planned.config.tasks.active()
    counts = {name: task.left_out(inputs.targets[name][rows], steps) for name, task in tasks.items()}
    return {f"{name}.left_out": count for name, count in counts.items() if count}


def environment(config: Config) -> dict[str, str]:
    """Versions of program and libraries, and the device."""
    return {
        "program": str(ser_core.PROGRAM),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": config.run.device,
        "machine": platform.machine(),
    }
