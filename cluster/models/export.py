"""`ser export`: copies a model to a folder that stands alone: weights, description, card, and the encoder if asked.

<store>/models/KEY --copy, card--> FOLDER          --with-encoder: FOLDER/encoder-speech, FOLDER/encoder-text
"""

import dataclasses
import shutil
from pathlib import Path

from cluster.models.card import card
from cluster.models.model_store import find_model
from ser_core.encoders.checkpoint import find
from ser_core.encoders.encoder import SETTING_FILES, weight_files
from ser_core.errors import SettingError
from ser_core.trained.description import Description, read_description, write_description
from ser_core.trained.train import copy_model

CARD = "README.md"


def export_model(name: str, target: Path, store: Path, with_encoder: bool) -> Description:
    """Writes the folder and returns its description. Raises SettingError if the folder exists."""
    target = target.expanduser()
    if target.exists():
        raise SettingError(f"{target} exists already; give a new folder")
    source = find_model(name, store)
    description = read_description(source)
    paths = {channel: find(named["path"], f"model.{channel}") for channel, named in description.encoders.items() if with_encoder}
    copy_model(source, target)
    for channel, folder in paths.items():
        copy_encoder(folder, target / f"encoder-{channel}")
    # A path of this machine means nothing elsewhere; the name of a hub's checkpoint does.
    kept = {
        channel: {key: value for key, value in named.items() if key != "path" or not Path(value).exists()}
        for channel, named in description.encoders.items()
    }
    description = dataclasses.replace(description, encoders=kept)
    write_description(description, target)
    (target / CARD).write_text(card(description), encoding="utf-8")
    return description


def copy_encoder(source: Path, target: Path) -> None:
    """Copies what the features of a checkpoint depend on: its weights and settings."""
    target.mkdir()
    for file in [*weight_files(source), *(file for file in source.iterdir() if file.name in SETTING_FILES)]:
        shutil.copyfile(file, target / file.name)
