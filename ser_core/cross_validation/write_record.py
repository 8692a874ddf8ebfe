"""What happens to a trained fold: its predictions are scored, also under conditions, and its record is written.

Fitted --predict--> development and test predictions --score--> FoldRecord, TestPart --> store
"""

import copy
import platform
from collections.abc import Sequence

import torch

import ser_core
from ser_core.conditions import condition
from ser_core.config.compose import as_dict
from ser_core.config.tree import Config
from ser_core.cross_validation import resource_usage
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import FoldRecord, RunStore, TestPart
from ser_core.dataset.channels import device_of
from ser_core.evaluation.baselines import baselines, cached_baselines
from ser_core.evaluation.score import score
from ser_core.folds import Fold
from ser_core.masking.masking import hide_channels
from ser_core.metrics import under
from ser_core.model import SpeechEmotionModel
from ser_core.trained.describe import Trained, describe
from ser_core.trained.description import write_description
from ser_core.trained.train import write_member
from ser_core.training.evaluate import predict
from ser_core.training.fit import Fitted


def write_record(planned: Plan, fold: Fold, fitted: Fitted, store: RunStore, seconds: float, stacked: int = 1) -> None:
    """Scores a trained fold and writes its record. `stacked` is the number of folds that were trained together."""
    config, key = planned.config, planned.key(fold.number)
    dev = fitted.dev_predictions
    # The development part is scored by the model that was not trained on it. After a refit that is not the tested model.
    dev_scores = {**score(dev), **condition_scores(planned, fitted.judged, fold.dev.tolist())} if len(dev) else {}
    tested = predict(config, planned.dataset, fitted.model, fold.test.tolist())
    record = FoldRecord(
        key=key,
        seed=config.seed,
        held_out=fold.held_out,
        config=as_dict(planned.recorded or config),
        card=planned.card,
        sizes={
            **{part: len(getattr(fold, part)) for part in ("train", "dev", "test")},
            **fitted.model.sizes(),
            **_left_out(planned, fold),
        },
        dev=dev_scores,
        epochs=fitted.epochs,
        chosen_epoch=fitted.chosen_epoch,
        seconds=seconds,
        skipped=planned.dataset.skipped,
        environment=environment(config),
        spent={**resource_usage.measured_usage(device_of(config), seconds), "stacked": float(stacked)},
    )
    if config.run.keep_models:
        _keep_model(planned, fold, fitted, store)
    place = cached_baselines(store.folder / "baselines", planned.folds.hash, planned.channels, fold.number)
    metrics = score(tested) | condition_scores(planned, fitted.model, fold.test.tolist()) | _between(planned, fold, fitted)
    store.write(record, dev, TestPart(key, metrics, baselines(planned.dataset, fold, place), tested))


def _keep_model(planned: Plan, fold: Fold, fitted: Fitted, store: RunStore) -> None:
    """Writes the tested model of a fold as a model folder."""
    folder = store.folder / "models" / "folds" / str(planned.key(fold.number))
    trained = Trained([planned.config.seed], [fitted.chosen_epoch], f"The model that fold {fold.number} tests.")
    write_member(fitted.model, folder, 0)
    made = describe(planned.config, planned.dataset, planned.card, len(fold.train), trained)
    write_description(made, folder)


def condition_scores(planned: Plan, model: SpeechEmotionModel, rows: Sequence[int]) -> dict[str, float]:
    """Scores a trained model on these rows under each of config.conditions: `<metric>@<condition>`."""
    found: dict[str, float] = {}
    for entry in planned.config.conditions:
        with hide_channels(model.stems, condition(entry).hides(planned.config.model.reads)):
            predictions = predict(planned.config, planned.dataset.under(entry), model, rows)
        found |= {under(metric, entry): value for metric, value in score(predictions).items()}
    return found


def _between(planned: Plan, fold: Fold, fitted: Fitted) -> dict[str, float]:
    """Returns test metrics after each stage but the last, for the tasks trained so far: `<metric>@<stage>`."""
    found: dict[str, float] = {}
    if not fitted.between:
        return found
    # state_dict() shares its tensors with the model, and the loop below overwrites them.
    last, trained = copy.deepcopy(fitted.model.state_dict()), set[str]()
    for stage, weights in zip(planned.config.stage_plans(), fitted.between, strict=False):
        trained |= set(stage.weights)
        fitted.model.load_state_dict(weights)
        scores = score(predict(planned.config, planned.dataset, fitted.model, fold.test.tolist(), trained))
        found |= {f"{name}@{stage.name}": value for name, value in scores.items()}
    fitted.model.load_state_dict(last)
    return found


def _left_out(planned: Plan, fold: Fold) -> dict[str, int]:
    """Counts the labelled training utterances that a task's loss cannot use, as `<task>.left_out`, if any."""
    dataset, rows = planned.dataset, fold.train.tolist()
    steps = {name: [channel.lengths[row] for row in rows] for name, channel in dataset.channels.items()}
    tasks = planned.config.tasks.active()
    counts = {name: task.left_out(dataset.targets[name][rows], steps) for name, task in tasks.items()}
    return {f"{name}.left_out": count for name, count in counts.items() if count}


def environment(config: Config) -> dict[str, str]:
    """Returns the versions of the program and its libraries, and the device."""
    return {
        "program": str(ser_core.EDITION),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": config.run.device,
        "machine": platform.machine(),
    }
