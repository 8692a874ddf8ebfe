"""The seam: `cross_validate(config)` trains the folds that are missing and yields progress and one result per fold.

    plan(config): corpus, features, folds, keys  ->  for each fold: claimed? recorded? else fit, score, write  ->  yield
Whoever consumes the generator may stop at any yield. It needs no Ray, no Optuna and no MLflow.
"""

import contextlib
import copy
import dataclasses
import platform
import time
from collections.abc import Collection, Iterator, Sequence
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
from ser_core.many import Job, fit_many, why_not
from ser_core.many.lane import Lane, kept, taken_up
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
    one_by_one: str = ""
    """Why folds are trained one by one although optim.pack asks for more; "" where they are not or nobody asks."""

    def key(self, fold: int) -> FoldKey:
        return FoldKey(self.fingerprint, self.folds.hash, fold)

    def pack(self, number: int) -> list[Fold]:
        """The folds that are trained with this one, itself among them: always the same, whoever is asked for."""
        size = self.config.optim.pack
        first = (number - 1) // size * size
        return list(self.folds.folds[first : first + size])

    @property
    def keys(self) -> list[FoldKey]:
        """One key per fold, in order."""
        return [self.key(fold.number) for fold in self.folds.folds]

    def under_seed(self, seed: int) -> "Plan":
        """The same plan with another seed, on which neither corpus nor features, folds or card depend."""
        config = dataclasses.replace(self.config, seed=seed)
        return dataclasses.replace(self, config=config, fingerprint=fingerprint(config, self.inputs.beside))


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
    experiment than not asking; so is optim.pack where folds cannot be stacked.
    """
    inputs = inputs.aimed_at(config.tasks) if inputs else load_inputs(config, progress)
    settled = config.settled(inputs.corpus, inputs.channels)
    inputs.check(config)
    one_by_one = why_not(settled, inputs) if settled.optim.pack > 1 else ""
    if one_by_one:
        settled = dataclasses.replace(settled, optim=dataclasses.replace(settled.optim, pack=1))
    card = inputs.corpus.card(inputs.audio_hash)
    folds = make_folds(inputs.corpus, config.folds, card)
    audio = f"at most {config.audio.max_seconds:g} s, longer: {config.audio.longer}"
    flagged = flags(inputs.corpus, folds, settled.optim.refit)
    card |= {**folds.protocol, "flags": flagged, "split": folds.hash, "audio": audio, "skipped": len(inputs.skipped)}
    card["metrics"] = DEFINITIONS
    return Plan(settled, inputs, folds, card, fingerprint(settled, inputs.beside), channels_fingerprint(settled), one_by_one)


def cross_validate(
    config: Config, folds: Sequence[int] | None = None, store: RunStore | None = None, planned: Plan | None = None
) -> Iterator[Progress | FoldResult]:
    """Trains the given folds (numbers from 1; all by default) as far as the store lacks them.

    A fold that another process is training is waited for and then read, never trained twice. With optim.pack the folds of a
    pack are claimed and trained together, and all recorded, even those that are not asked for. Raises TrainingError from
    a fold that cannot be trained; the folds that were done before are recorded.
    """
    planned = planned or plan(config)
    store = store or RunStore(config.run.store)
    torch.set_num_threads(config.run.threads)
    now: set[int] = set()
    for number in folds or range(1, len(planned.folds) + 1):
        if not 1 <= number <= len(planned.folds):
            raise SettingError(f"there is no fold {number}: {planned.card['protocol']} has folds 1 to {len(planned.folds)}")
        with contextlib.ExitStack() as held:
            pack = planned.pack(number)
            missing = {fold.number for fold in pack if held.enter_context(store.claim(planned.key(fold.number)))}
            if number in missing:
                together = planned.config.optim.pack > 1
                yield from _train_pack(planned, pack, missing, store) if together else _train(planned, pack[0], store)
                now |= missing
        yield FoldResult(store.load(planned.key(number)), trained=number in now)


def _train_pack(planned: Plan, pack: Sequence[Fold], missing: Collection[int], store: RunStore) -> Iterator[Progress]:
    """Trains the folds of a pack as one program and writes the missing records as folds are done.

    A fold whose record is there is stacked all the same, from the last saved state on: without it the others would come out
    with other last bits.
    """
    config, device = planned.config, device_of(planned.config)
    lanes = {fold.number: Lane() for fold in pack}
    keeper = Keeper(store.state_place(planned.key(pack[0].number)), config.run.checkpoint_seconds)
    taken_up(keeper, lanes, device)
    spending.begun(device)
    begun = time.monotonic()
    for each in fit_many([Job(config, planned.inputs, fold, lanes[fold.number]) for fold in pack]):
        for index in each.ends:
            lanes[pack[index].number].worked += (time.monotonic() - begun) / len(each.ends)
        for index, fitted in each.fitted.items():
            if pack[index].number in missing:
                _write(planned, pack[index], fitted, store, lanes[pack[index].number].spent)
        if each.ends:
            kept(keeper, lanes)
        for index, end in each.ends.items():
            if not end.refit:
                yield Progress(pack[index].number, end.epoch, end.dev, end.spent)
        begun = time.monotonic()
    keeper.forget()


def _train(planned: Plan, fold: Fold, store: RunStore) -> Iterator[Progress]:
    """Trains one fold and writes its record."""
    config = planned.config
    keeper = Keeper(store.state_place(planned.key(fold.number)), config.run.checkpoint_seconds)
    spending.begun(device_of(config))
    training = fit(config, planned.inputs, fold, keeper)
    while True:
        try:
            end = next(training)
        except StopIteration as stop:
            fitted: Fitted = stop.value
            break
        yield Progress(fold.number, end.epoch, end.dev, end.spent)
    _write(planned, fold, fitted, store, keeper.spent)
    keeper.forget()


def _write(planned: Plan, fold: Fold, fitted: Fitted, store: RunStore, seconds: float) -> None:
    """Scores a trained fold and writes its record."""
    config, key = planned.config, planned.key(fold.number)
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
        seconds=seconds,
        skipped=planned.inputs.skipped,
        environment=environment(config),
        spent=spending.spent(device_of(config), seconds),
    )
    place = remembered(store.folder / "baselines", planned.folds.hash, planned.channels, fold.number)
    metrics = score(tested) | under_conditions(planned, fitted.model, fold.test.tolist()) | _between(planned, fold, fitted)
    store.write(record, dev, TestPart(key, metrics, baselines(planned.inputs, fold, place), tested))


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
