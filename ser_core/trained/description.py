"""What a model folder says about itself in model.json: how to build the model, what it learned from, what to expect of it.

<folder>/model.json   member-0.safetensors  member-1.safetensors ...   README.md (the card)   encoder-speech/ (if it is inside)
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ser_core.errors import RecordError

FILE = "model.json"
FORMAT = 1
"""Version of the folder. Raise it when an older program could no longer read a new folder correctly."""


@dataclasses.dataclass(frozen=True)
class Description:
    """Everything about a trained model except its weights. Scores are fractions, as in records."""

    name: str
    """Short title, such as `concat on emodb`."""
    settings: dict[str, Any]
    """The settings `audio`, `model` and `tasks`, without paths of checkpoints."""
    classes: list[str]
    dimensions: dict[str, list[float]]
    """Low and high end of the scale of each dimension that the corpus rates."""
    genders: list[str]
    """Classes of the gender task; [] without it."""
    tasks: list[str]
    """Tasks whose heads the weights have."""
    encoders: dict[str, dict[str, str]]
    """By channel: `checkpoint` (name of its folder) and `weights` (hash), for channels with a checkpoint."""
    members: int
    seeds: list[int]
    epochs: list[int]
    """Epochs of each stage."""
    rule: str
    """How the epochs were chosen, in one sentence."""
    card: dict[str, Any]
    """Protocol card of the corpus, with its licence."""
    utterances: int
    """Utterances that it learned from."""
    temperature: float = 1.0
    """Divisor of the logarithms of class probabilities, fitted on development predictions."""
    expected: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """By metric: `value`, `low` and `high` of the 95 % interval, from cross-validation."""
    groups: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """By group of speakers: scores, from cross-validation."""
    speakers: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """By metric: `lowest`, `median` and `highest` score of a speaker, from cross-validation. Names no speaker."""
    notes: list[str] = dataclasses.field(default_factory=list)
    """Sentences for the card: reconstructions, settings without effect."""
    program: str = ""
    """Version of the program that trained it."""
    speech_alone: bool = False
    """Whether training hid the text from time to time, so that the model may be asked without a text."""


def write_description(description: Description, folder: Path) -> None:
    """Writes model.json."""
    text = json.dumps({"format": FORMAT, **dataclasses.asdict(description)}, indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> Description:
    """Reads model.json. Raises RecordError if the folder holds no model, a damaged one, or one of a later format."""
    try:
        fields: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RecordError(f"{folder} holds no {FILE}, so it is no model; `ser train` makes one, `ser export` copies it") from None
    except (ValueError, OSError) as error:
        raise RecordError(f"{folder / FILE} is damaged ({error}); export the model again") from error
    if not isinstance(fields, dict) or not fields.get("members", 1):
        raise RecordError(f"{folder / FILE} is damaged (it describes no model); export the model again")
    if fields.get("format") != FORMAT:
        raise RecordError(
            f"{folder} has format {fields.get('format')} and this program reads {FORMAT}; update Bridgework or export again"
        )
    known = {field.name for field in dataclasses.fields(Description)}
    try:
        return Description(**{name: value for name, value in fields.items() if name in known})
    except TypeError as error:
        raise RecordError(f"{folder / FILE} lacks what a model needs ({error}); export the model again") from error
