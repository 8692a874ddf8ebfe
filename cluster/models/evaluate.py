"""`ser evaluate`: any corpus as a test set of a trained model, for cross-corpus results.

corpus --labels mapped--> utterances --model--> predictions --> scores with intervals over speakers, and what the audit says
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablations.statistics.corrected_t import Interval
from ablations.statistics.pooled_scores import redrawn_error
from ser_core.audit.checkpoints import REGISTRY
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError, SettingError
from ser_core.evaluation.score import score
from ser_core.metrics import place
from ser_core.trained.description import Description
from ser_core.trained.emotion_model import EmotionModel, Utterance

REDRAWS = 1000
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
    notes: Sequence[str]


def evaluate(model: EmotionModel, corpus: Corpus, mapping: Mapping[str, str]) -> Evaluation:
    """Predicts every utterance of a corpus whose label the model can give. `mapping` renames labels of the corpus.

    Raises SettingError when no label of the corpus is a class of the model.
    """
    known = set(model.description.classes)
    labels = [mapping.get(label, label) for label in corpus.column("emotion").tolist()]
    rated = [name for name in model.description.dimensions if name in corpus.table] if "dimensions" in model.tasks else []
    values = np.array([corpus.column(name) for name in rated] or [[math.nan] * len(labels)])
    kept = [row for row, label in enumerate(labels) if label in known or np.isfinite(values[:, row]).any()]
    if not kept:
        raise SettingError(
            f"no label of {corpus.name} ({', '.join(corpus.classes)}) is a class of the model ({', '.join(sorted(known))}); "
            "map them: --map LABEL=CLASS"
        )
    left = Counter(label for label in labels if label and label not in known)
    records = [{**row, "emotion": label} for row, label in zip(corpus.table.to_dict("records"), labels, strict=True)]
    answered, refused = _answers(model, [records[row] for row in kept])
    found = score(answered)
    notes = [*_met(model.description, corpus), *_scales(model.description, corpus, rated)]
    reasons = {f"label {label} is no class of the model": count for label, count in sorted(left.items())}
    return Evaluation(_intervals(answered, found), answered, len(answered), reasons, refused, notes)


def _answers(model: EmotionModel, kept: Sequence[Mapping[Any, Any]]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Returns predictions with targets, and the refused utterances."""
    rows = [Utterance(*(row[name] for name in ("file", "start", "end", "text"))) for row in kept]
    refused, records = dict[str, str](), []
    for row, one in zip(kept, model.predict(rows), strict=True):
        if isinstance(one, AudioError):
            refused[row["utterance"]] = str(one)
            continue
        record = {name: row[name] for name in ("utterance", "speaker", "gender")}
        if one.emotion:
            record |= {
                "emotion.target": row["emotion"] if row["emotion"] in one.probabilities else "",
                "emotion.predicted": one.emotion,
            }
            record |= {f"emotion.p.{name}": value for name, value in one.probabilities.items()}
        for name, value in one.dimensions.items():
            record |= {f"dimensions.{name}.target": row.get(name, math.nan), f"dimensions.{name}.predicted": value}
        records.append(record)
    return pd.DataFrame(records), refused


def _intervals(predictions: pd.DataFrame, found: Mapping[str, float]) -> dict[str, Interval]:
    """Returns each score with the interval over redrawn speakers: Student's t, standard error by bootstrap.

    Scores that are not made of sums, such as the calibration error, have none.
    """
    from scipy.special import stdtrit

    scored, speakers = {}, len(set(predictions["speaker"].tolist()))
    for name in sorted(found, key=place):
        error = redrawn_error(predictions, name, REDRAWS) if name in SCORED or name.startswith("ccc.") else math.nan
        half = float(stdtrit(speakers - 1, 0.975)) * error if speakers > 1 else math.nan
        scored[name] = Interval(found[name], found[name] - half, found[name] + half)
    return scored


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
