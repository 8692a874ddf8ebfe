"""`ser export`: copies a model to a folder that stands alone: weights, description, card, and the encoder if asked.

<store>/models/KEY --copy, card--> FOLDER          --with-encoder: FOLDER/encoder-speech, FOLDER/encoder-text
                                                   --onnx: FOLDER/model.onnx
"""

import dataclasses
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from cluster.models.card import TERMS, card, licence_file
from cluster.models.model_store import find_model
from ser_core.encoders.encoder import SETTING_FILES, weight_files
from ser_core.errors import SettingError
from ser_core.trained import load
from ser_core.trained.description import Description, read_description, write_description
from ser_core.trained.emotion_model import encoder_folders
from ser_core.trained.train import copy_model
from ser_core.trained.write_onnx import FILE, Ports, check_onnx, write_onnx

CARD = "README.md"


@dataclasses.dataclass(frozen=True)
class ExportAsked:
    """What `ser export` adds to a model's own files."""

    with_encoder: bool = False
    onnx: bool = False
    encoders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By channel: where a checkpoint lies, if elsewhere than in training."""


def export_model(name: str, target: Path, store: Path, asked: ExportAsked) -> Description:
    """Writes the folder, completely or not at all, and returns its description. Raises SettingError if the folder exists."""
    target = target.expanduser()
    if target.exists():
        raise SettingError(f"{target} exists already; give a new folder")
    if asked.onnx:
        check_onnx()
    source = find_model(name, store)
    draft = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        copy_model(source, draft)
        description = _complete(source, draft, asked)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return description


def _complete(source: Path, draft: Path, asked: ExportAsked) -> Description:
    """Adds to the copy what was asked for, and its card."""
    description = read_description(source)
    if asked.with_encoder:
        for channel, folder in encoder_folders(description, source, asked.encoders).items():
            if not (draft / f"encoder-{channel}").exists():
                copy_encoder(folder, draft / f"encoder-{channel}")
    ports: Ports | None = None
    if asked.onnx:
        ports = write_onnx(load(source, "cpu", **asked.encoders), draft / FILE)
    # A path of this machine means nothing elsewhere; the name of a hub's checkpoint does.
    kept = {
        channel: {key: value for key, value in named.items() if key != "path" or not Path(value).exists()}
        for channel, named in description.encoders.items()
    }
    description = dataclasses.replace(description, encoders=kept)
    write_description(description, draft)
    (draft / CARD).write_text(card(description, ports), encoding="utf-8")
    (draft / TERMS).write_text(licence_file(description), encoding="utf-8")
    return description


def copy_encoder(source: Path, target: Path) -> None:
    """Copies what the features of a checkpoint depend on: its weights and settings."""
    target.mkdir()
    for file in [*weight_files(source), *(file for file in source.iterdir() if file.name in SETTING_FILES)]:
        shutil.copyfile(file, target / file.name)
