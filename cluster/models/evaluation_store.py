"""Evaluations of trained models, kept under what they are: the same command again predicts nothing.

model, corpus, label map --sha256--> <store>/studies/evaluation-<key>/   evaluation.json  predictions.parquet
Each is a look at test scores, so it has its line in the ledger.
"""

import dataclasses
import hashlib
import json
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.statistics.corrected_t import Interval
from cluster.looks.study_looks import look_at_table
from cluster.models.evaluate import Evaluation, evaluate
from ser_core.content_hashes import content_hashes, file_hash
from ser_core.corpus.corpus import Corpus
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, nearest
from ser_core.trained.description import FILE, Description
from ser_core.trained.emotion_model import EmotionModel

PREFIX = "evaluation-"
RESULT, PREDICTIONS = "evaluation.json", "predictions.parquet"
FORMAT = 1
"""Version of an evaluation; part of its key. Raise it when the same model would be scored differently."""


@dataclasses.dataclass(frozen=True)
class EvaluationAsked:
    """How a model is tested."""

    mapping: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """New names of the corpus's labels."""
    all_classes: bool = False
    """Whether the model may answer with classes that the corpus does not have."""


@dataclasses.dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation with its id and what was tested on what."""

    id: str
    model: str
    """Name of the model, such as `concat on emodb`."""
    fingerprint: str
    """Hash of the model's weights and description."""
    trained_on: str
    tested_on: str
    result: Evaluation


def evaluate_once(
    model: EmotionModel, folder: Path, corpus: Corpus, asked: EvaluationAsked, store: RunStore, cache: Path
) -> tuple[StoredEvaluation, tuple[str, ...]]:
    """Evaluates a model on a corpus, unless the store has that already. Returns it with what must be said about looks.

    `folder` is the model's, `cache` keeps the hashes of the corpus's files.
    """
    fingerprint = hash_model(folder)
    files = corpus.column("file").tolist()
    hashes = content_hashes(files, cache)
    content = corpus.card("".join(hashes[file] for file in files))["content"]
    settings = [sorted(asked.mapping.items()), asked.all_classes, sorted(model.hidden)]
    key = hashlib.sha256(json.dumps([FORMAT, fingerprint, content, *settings]).encode()).hexdigest()[:8]
    place = store.folder / "studies" / f"{PREFIX}{key}"
    shown = (place / RESULT).exists()
    if not shown:
        found = evaluate(model, corpus, asked.mapping, asked.all_classes)
        _write(place, found, model.description, fingerprint, corpus.name)
    stored = read_evaluation(place)
    command = shlex.join(["ser", "evaluate", stored.model, f"corpus={stored.tested_on}"])
    return stored, look_at_table(command, fingerprint, stored.result.predictions, store, place, shown)


def hash_model(folder: Path) -> str:
    """Returns a hash of everything that decides the answers of a model: its description and the weights of its members."""
    files = [folder / FILE, *sorted(folder.glob("member-*.safetensors"))]
    return hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()[:16]


def find_evaluations(name: str, store: RunStore) -> list[Path]:
    """Returns the folders of the evaluations whose id begins like this."""
    return sorted(
        file.parent for file in (store.folder / "studies").glob(f"{PREFIX}*/{RESULT}") if file.parent.name.startswith(name)
    )


def load_evaluation(name: str, store: RunStore) -> StoredEvaluation:
    """Returns one evaluation by the beginning of its id. Raises RecordError when there is none, or more than one."""
    found = find_evaluations(name, store)
    if len(found) == 1:
        return read_evaluation(found[0])
    known = [place.name for place in find_evaluations(PREFIX, store)]
    if found:
        raise RecordError(f"{name} may be any of {', '.join(place.name for place in found)}; give more digits")
    listed = f"; {store.folder} has {', '.join(known)}" if known else "; `ser evaluate` makes one"
    raise RecordError(f"there is no evaluation {name}{nearest(name, known)}{listed}")


def read_evaluation(place: Path) -> StoredEvaluation:
    """Reads an evaluation. Raises RecordError when it is damaged."""
    try:
        fields: dict[str, Any] = json.loads((place / RESULT).read_text(encoding="utf-8"))
        predictions = pd.read_parquet(place / PREDICTIONS)
        scores = {name: Interval(*ends) for name, ends in fields.pop("scores").items()}
        result = Evaluation(scores, predictions, **fields.pop("result"))
        return StoredEvaluation(place.name, result=result, **fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{place} is damaged ({error}); delete the folder and evaluate the model again") from error


def _write(place: Path, found: Evaluation, description: Description, fingerprint: str, tested_on: str) -> None:
    """Writes the predictions first, so that an evaluation with a result is complete."""
    place.mkdir(parents=True, exist_ok=True)
    plain = {name: getattr(found, name) for name in ("tested", "left_out", "refused", "classes", "notes")}
    content = {
        "model": description.name,
        "fingerprint": fingerprint,
        "trained_on": str(description.card.get("corpus", "")),
        "tested_on": tested_on,
        "scores": {name: list(dataclasses.astuple(one)) for name, one in found.scores.items()},
        "result": {name: dict(one) if isinstance(one, Mapping) else one for name, one in plain.items()},
    }
    draft = place / f".{uuid.uuid4().hex}"
    found.predictions.to_parquet(draft, index=False)
    draft.replace(place / PREDICTIONS)
    draft.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(place / RESULT)
