"""Makes the description of a model from what trained it: settings without places, label scheme, encoders, card."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ser_core.config.compose import as_dict
from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.checkpoint import find
from ser_core.encoders.encoder import EncoderOption, weights_hash
from ser_core.trained.description import Description
from ser_core.trained.emotion_model import lent

PARTS = ("audio", "model", "tasks")
"""Settings that decide how a model predicts."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """How members were trained: a seed each, the epochs of each stage, and the rule that gave these, as a sentence."""

    seeds: Sequence[int]
    epochs: Sequence[int]
    rule: str


def describe(config: Config, dataset: Dataset, card: Mapping[str, Any], utterances: int, trained: Trained) -> Description:
    """Returns the description of a model, without scores. `utterances` is the number that it learned from."""
    corpus, settings = dataset.corpus, portable(config)
    for name, channel in dataset.channels.items():
        if channel.content:
            # The features stay where they are, so the shape of the stem has to travel.
            settings["model"][name]["dim"] = channel.size
    scheme = corpus.scheme
    return Description(
        name=f"{settings['model']['fusion']['name']} on {corpus.name}",
        settings=settings,
        classes=scheme["classes"],
        dimensions=scheme["dimensions"],
        genders=sorted({*corpus.column("gender").tolist()} - {""}) if config.tasks.gender.weight else [],
        tasks=lent(config.tasks.active()),
        encoders=encoders_of(config),
        members=len(trained.seeds),
        seeds=list(trained.seeds),
        epochs=list(trained.epochs),
        rule=trained.rule,
        card=dict(card),
        utterances=utterances,
        program=importlib.metadata.version("bridgework"),
        speech_alone=settings["model"]["masking"]["name"] != "none" and len(dataset.channels) > 1 and "text" in dataset.channels,
    )


def portable(config: Config) -> dict[str, Any]:
    """Returns the settings that decide how a model predicts, without paths."""
    settings = {name: part for name, part in as_dict(config).items() if name in PARTS}
    for channel in config.model.encoders:
        settings["model"][channel].pop("path", None)
    return settings


def encoders_of(config: Config) -> dict[str, dict[str, str]]:
    """Returns name, weights and path of each channel's checkpoint."""
    found = {}
    for name in config.model.channels:
        option: EncoderOption = config.model.encoders[name]
        path = getattr(option, "path", "")
        if path and option.reads != "stored":
            folder = find(path, option.key)
            found[name] = {"checkpoint": Path(path).name, "weights": weights_hash(folder), "path": path}
    return found
