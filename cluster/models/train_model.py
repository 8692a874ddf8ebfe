"""`ser train`: cross-validates a configuration if that is not done, then trains it on everyone for as many epochs.

folds --table of test scores--> what to expect     --chosen epochs, median--> members on all utterances --> <store>/models/KEY
      --development predictions--> temperature
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ablations.outcomes import Outcome
from ablations.select import choice_interval
from cluster.models.model_store import model_key, place_of
from cluster.run_study import StudyResult
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import FoldRecord, RunStore
from ser_core.errors import SettingError
from ser_core.evaluation.score import score
from ser_core.metrics import is_column, place
from ser_core.trained.describe import Trained, describe
from ser_core.trained.description import FILE, Description, write_description
from ser_core.trained.prediction import fit_temperature
from ser_core.trained.train import Members, everyone, train_members
from ser_core.training.phase import running_mean


@dataclasses.dataclass(frozen=True)
class TrainAsked:
    """What `ser train` was asked for."""

    members: int = 1
    epochs: int = 0
    """Epochs of the last stage; 0 takes those of the cross-validation."""

    def __post_init__(self) -> None:
        if self.members < 1:
            raise SettingError(f"--members must be at least 1, got {self.members}")
        if self.epochs < 0:
            raise SettingError(f"--epochs must be at least 1, got {self.epochs}")


def train_model(
    finished: StudyResult, planned: Plan, asked: TrainAsked, on_epoch: Callable[[Members, int], None]
) -> tuple[str, bool]:
    """Trains a cross-validated configuration on everyone. Returns the key of the model, and whether anything was trained."""
    store, study = finished.store, finished.study
    outcomes = study.outcomes(store)
    records = [one.record for one in outcomes]
    epochs, rule = chosen_epochs(records, asked)
    seeds = [planned.config.seed + number for number in range(asked.members)]
    key = model_key(planned, seeds, epochs)
    folder = place_of(store, key)
    if (folder / FILE).exists():
        return key, False
    rows = everyone(planned.folds)
    train_members(planned.config, planned.dataset, rows, epochs, seeds, folder, lambda event: on_epoch(event, sum(epochs)))
    made = describe(planned.config, planned.dataset, planned.card, len(rows), Trained(seeds, epochs, rule))
    write_description(with_scores(made, outcomes, records, store, study.notes), folder)
    return key, True


def chosen_epochs(records: Sequence[FoldRecord], asked: TrainAsked) -> tuple[list[int], str]:
    """Returns the epochs of each stage and the rule, as a sentence."""
    found = median_epochs(records)
    if asked.epochs:
        return [*found[:-1], asked.epochs], f"{asked.epochs} epochs, as asked."
    if all(not record.sizes.get("dev") for record in records):
        return found, "All epochs, as in the cross-validation, which had no development part."
    return found, f"The median of the epochs that the {len(records)} folds of the cross-validation chose."


def median_epochs(records: Sequence[FoldRecord]) -> list[int]:
    """Returns the median over folds and seeds of the chosen epochs of each stage, the higher of two middle ones."""
    return [statistics.median_high(each) for each in zip(*map(epochs_of, records), strict=True)]


def epochs_of(record: FoldRecord) -> list[int]:
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
    for number, one in enumerate(scores, start=1):
        mean = running_mean(mean, one)
        if mean > best:
            best, chosen = mean, number
    return chosen


def with_scores(
    made: Description, outcomes: Sequence[Outcome], records: Sequence[FoldRecord], store: RunStore, notes: Sequence[str]
) -> Description:
    """Returns the description with expected scores, scores per group and the temperature."""
    return dataclasses.replace(
        made,
        expected=expected_scores(outcomes),
        groups=group_scores(outcomes),
        speakers=speaker_scores(outcomes),
        temperature=temperature(made.classes, [store.dev_predictions(record.key) for record in records]),
        notes=[note for note in notes if note],
    )


def expected_scores(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Returns mean over folds and 95 % interval for new speakers, for every metric that each fold has."""
    ratio = float(np.mean([one.record.sizes["test"] / one.taught for one in outcomes]))
    found = {}
    for metric in sorted({name for one in outcomes for name in one.test.metrics if "@" not in name}, key=place):
        values = [one.test.metrics.get(metric, math.nan) for one in outcomes]
        if all(map(math.isfinite, values)):
            interval = choice_interval(values, ratio)
            found[metric] = {"value": interval.value, "low": interval.low, "high": interval.high}
    return found


def group_scores(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Returns scores over all test predictions of each gender, where it is known."""
    predictions = pd.concat([one.test.predictions for one in outcomes], ignore_index=True)
    genders = predictions["gender"].to_numpy()
    groups = [group for group in sorted(set(genders.tolist())) if group]
    rows = {group: np.flatnonzero(genders == group) for group in groups if len(groups) > 1}
    return {group: score(predictions.take(found).reset_index(drop=True)) for group, found in rows.items()}


def speaker_scores(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Returns the lowest, median and highest score of a speaker, for the metrics of main tasks that every speaker has."""
    predictions = pd.concat([one.test.predictions for one in outcomes], ignore_index=True)
    each = [score(rows.reset_index(drop=True)) for _, rows in predictions.groupby("speaker")]
    names = [name for name in each[0] if is_column(name) and all(math.isfinite(one.get(name, math.nan)) for one in each)]
    ranked = {name: np.sort([one[name] for one in each]) for name in sorted(names, key=place)} if len(each) > 1 else {}
    return {
        name: {"lowest": float(values[0]), "median": float(np.median(values)), "highest": float(values[-1])}
        for name, values in ranked.items()
    }


def temperature(classes: Sequence[str], developed: Sequence[pd.DataFrame]) -> float:
    """Returns the temperature that fits the development predictions of all folds; 1 without any."""
    frames = [frame for frame in developed if len(frame) and "emotion.target" in frame]
    if not frames:
        return 1.0
    together = pd.concat(frames, ignore_index=True)
    numbers = {name: number for number, name in enumerate(classes)}
    labels = [numbers.get(label, -1) for label in together["emotion.target"]]
    return fit_temperature(together[[f"emotion.p.{name}" for name in classes]].to_numpy(), labels)
