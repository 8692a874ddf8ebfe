"""`ser evaluate`: any corpus as a test set of a trained model, for cross-corpus results.

corpus --labels mapped--> utterances --model--> predictions --> scores with intervals over speakers, and what the audit says
                                       \\-- answers only from the classes that model and corpus share
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablations.report.cells import number
from ablations.statistics.corrected_t import Interval
from ablations.statistics.pooled_scores import speaker_interval
from ser_core.audit.checkpoints import REGISTRY
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError, SettingError
from ser_core.evaluation.score import score
from ser_core.metrics import place
from ser_core.metrics.recall import uar
from ser_core.trained.description import Description
from ser_core.trained.emotion_model import EmotionModel, Utterance

FREE = "emotion.free"
"""Column of the answers from all classes of the model."""
SCORED = ("uar", "wa", "macro_f1")
"""Scores of classes that have an interval, besides CCC."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A model on a corpus. Scores are fractions; intervals are over speakers (95 %)."""

    scores: Mapping[str, Interval]
    predictions: pd.DataFrame
    """In the columns of TestPart.predictions."""
    tested: int
    left_out: Mapping[str, int]
    """Utterances that were not tested, by reason."""
    refused: Mapping[str, str]
    """Files that could not be used, with the reason."""
    classes: Sequence[str]
    """Classes from which the model could answer; [] without an emotion task."""
    notes: Sequence[str]


def evaluate(model: EmotionModel, corpus: Corpus, mapping: Mapping[str, str], all_classes: bool = False) -> Evaluation:
    """Predicts every utterance of a corpus whose label the model can give. `mapping` renames labels of the corpus.

    The model answers from the classes that it shares with the corpus, unless `all_classes`. Raises SettingError when no label of
    the corpus is a class of the model, and when a single one is.
    """
    known = set(model.description.classes)
    labels = [mapping.get(label, label) for label in corpus.column("emotion").tolist()]
    rated = [name for name in model.description.dimensions if name in corpus.table] if "dimensions" in model.tasks else []
    values = np.array([corpus.column(name) for name in rated] or [[math.nan] * len(labels)])
    kept = [row for row, label in enumerate(labels) if label in known or np.isfinite(values[:, row]).any()]
    shared = [name for name in model.description.classes if name in labels]
    if not kept or (len(shared) == 1 and not rated):
        raise SettingError(
            f"{'one label' if kept else 'no label'} of {corpus.name} ({', '.join(corpus.classes)}) is a class of the model "
            f"({', '.join(sorted(known))}){'; a score needs two' if kept else ''}: map labels with --map LABEL=CLASS"
        )
    left = Counter(label for label in labels if label and label not in known)
    records = [{**row, "emotion": label} for row, label in zip(corpus.table.to_dict("records"), labels, strict=True)]
    allowed = model.description.classes if all_classes else shared
    answered, refused = _answers(model, [records[row] for row in kept], allowed)
    restricted = _restricted(answered, shared, model.description.classes) if len(shared) < len(known) and not all_classes else []
    notes = [*restricted, *_met(model.description, corpus), *_scales(model.description, corpus, rated)]
    reasons = {f"label {label} is no class of the model": count for label, count in sorted(left.items())}
    answered = answered.drop(columns=FREE, errors="ignore")
    return Evaluation(_intervals(answered), answered, len(answered), reasons, refused, allowed, notes)


def _answers(
    model: EmotionModel, kept: Sequence[Mapping[Any, Any]], allowed: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Returns predictions with targets, and the refused utterances."""
    rows = [Utterance(*(row[name] for name in ("file", "start", "end", "text"))) for row in kept]
    refused, records = dict[str, str](), []
    for row, one in zip(kept, model.predict(rows), strict=True):
        if isinstance(one, AudioError):
            refused[row["utterance"]] = str(one)
            continue
        record = {name: row[name] for name in ("utterance", "speaker", "gender")}
        if one.emotion:
            within = {name: one.probabilities[name] for name in allowed}
            total = sum(within.values())
            record |= {
                "emotion.target": row["emotion"] if row["emotion"] in within else "",
                "emotion.predicted": max(within, key=within.__getitem__),
                FREE: one.emotion,
            }
            record |= {f"emotion.p.{name}": value / total for name, value in within.items()}
        for name, value in one.dimensions.items():
            record |= {f"dimensions.{name}.target": row.get(name, math.nan), f"dimensions.{name}.predicted": value}
        records.append(record)
    return pd.DataFrame(records), refused


def _restricted(answered: pd.DataFrame, shared: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Returns the note on shared classes, with the score that the model has if it may answer from all of its own."""
    if FREE not in answered or not shared:
        return []
    labelled = answered["emotion.target"].to_numpy() != ""
    among_all = uar(*(answered[name].to_numpy()[labelled] for name in ("emotion.target", FREE)))
    return [
        f"Answers come from the {len(shared)} classes that model and corpus share ({', '.join(shared)}). With all "
        f"{len(classes)} classes of the model UAR is {number(among_all, 'uar')} (--all-classes)."
    ]


def _intervals(predictions: pd.DataFrame) -> dict[str, Interval]:
    """Returns each score with its interval over speakers. Scores that are not made of sums have none."""
    found = score(predictions)
    with_interval = [name for name in found if name in SCORED or name.startswith("ccc.")]
    intervals = {name: speaker_interval(predictions, name) for name in with_interval}
    return {name: intervals.get(name, Interval(found[name])) for name in sorted(found, key=place)}


def _met(description: Description, corpus: Corpus) -> list[str]:
    """Returns what the audit says: whether the model or its encoders met this corpus before."""
    notes, plain = [], re.sub(r"[^a-z0-9]", "", corpus.name.lower())
    if description.card.get("corpus") == corpus.name:
        notes.append(f"The model was trained on {corpus.name} itself, so these scores say nothing about new speakers.")
    for channel, named in description.encoders.items():
        for met in REGISTRY:
            if re.search(met.pattern, named["checkpoint"].lower()):
                if plain in (*met.labelled, *met.heard):
                    kind = "with its emotion labels" if plain in met.labelled else "without its labels"
                    notes.append(f"The {channel} encoder {named['checkpoint']} met {corpus.name} {kind} ({met.source}).")
                break
    return notes


def _scales(description: Description, corpus: Corpus, rated: Sequence[str]) -> list[str]:
    """Returns a note for each dimension whose scale differs: concordance compares values, not orders."""
    theirs = {each.name: [each.low, each.high] for each in corpus.dimensions}
    return [
        f"{name}: the model answers on {description.dimensions[name][0]:g} to {description.dimensions[name][1]:g}, the corpus "
        f"rates on {theirs[name][0]:g} to {theirs[name][1]:g}; CCC compares the numbers as they are."
        for name in rated
        if name in theirs and theirs[name] != list(description.dimensions[name])
    ]
