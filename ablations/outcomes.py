"""Outcomes of a study: one per variant, seed and fold, and the long table of their test scores."""

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd

from ser_core.cross_validation.records import FoldRecord, TestPart
from ser_core.folds.protocol import BOTH_PARTS, TRAINING_PART
from ser_core.metrics import find_metric, mean_of, place


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One trained and tested fold of one variant. The variants of a study share the split and differ in fingerprint."""

    variant: str
    record: FoldRecord
    test: TestPart

    @property
    def taught_by(self) -> str:
        """Data the tested model was trained on: all that the protocol allows, or, without optim.refit, the training part."""
        refitted = self.record.config.get("optim", {}).get("refit", True)
        return self.record.card.get("tested_model", "") if refitted else TRAINING_PART

    @property
    def taught(self) -> int:
        """Number of utterances that the tested model was trained on."""
        sizes = self.record.sizes
        return sizes["train"] + (sizes.get("dev", 0) if self.taught_by == BOTH_PARTS else 0)

    def under(self, variant: str, condition: str) -> "Outcome":
        """Returns this fold as another variant, with its scores under a condition. Conditions store no predictions."""
        found = ((name.rpartition("@"), value) for name, value in self.test.metrics.items())
        metrics = {name: value for (name, _, place), value in found if place == condition and name}
        predictions = self.test.predictions[["utterance", "speaker"]]
        return Outcome(variant, self.record, dataclasses.replace(self.test, metrics=metrics, predictions=predictions))


def variants_of(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns the variant names in order of first appearance. The first is the baseline unless a study names another."""
    return list(dict.fromkeys(outcome.variant for outcome in outcomes))


def metrics_of(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns every metric that any fold has, in the order of tables (metrics.place)."""
    return sorted({name for outcome in outcomes for name in outcome.test.metrics}, key=place)


def score_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Returns a long table of test scores with one row per variant, seed and fold, in that order (variants as they appear).

    Columns: variant, seed, fold, held_out, split, the metrics (fractions; NaN if a fold has none), and train and
    test (utterances).
    """
    metrics = metrics_of(outcomes)
    order = {name: number for number, name in enumerate(variants_of(outcomes))}
    ordered = sorted(outcomes, key=lambda one: (order[one.variant], one.record.seed, one.record.key.fold))
    rows = [
        {
            "variant": one.variant,
            "seed": one.record.seed,
            "fold": one.record.key.fold,
            "held_out": one.record.held_out,
            "split": one.record.key.split,
            **{metric: float(one.test.metrics.get(metric, float("nan"))) for metric in metrics},
            "train": one.record.sizes["train"],
            "test": one.record.sizes["test"],
        }
        for one in ordered
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "fold", "held_out", "split", *metrics, "train", "test"])


def with_mean(outcome: Outcome, metric: str) -> Outcome:
    """Returns the outcome with a mean over dimensions as an additional metric, if `metric` is such a mean."""
    parts = find_metric(metric).mean_of
    if not parts:
        return outcome
    metrics = {**outcome.test.metrics, metric: mean_of(parts, outcome.test.metrics)}
    return dataclasses.replace(outcome, test=dataclasses.replace(outcome.test, metrics=metrics))
