"""Makes the description of a model from the plan that trained it: settings without places, label scheme, encoders, card."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_core.config.compose import as_dict
from ser_core.config.tree import Config
from ser_core.cross_validation.plan import Plan
from ser_core.encoders.checkpoint import find
from ser_core.encoders.encoder import EncoderOption, weights_hash
from ser_core.tasks import CHANNELS
from ser_core.trained.description import Description
from ser_core.trained.emotion_model import lent

PARTS = ("audio", "model", "tasks")
"""Settings that decide how a model predicts."""


def describe(planned: Plan, seeds: Sequence[int], epochs: Sequence[int], rule: str) -> Description:
    """Returns the description of a model that learned from everyone, without scores."""
    config, corpus = planned.config, planned.dataset.corpus
    scheme, settings = corpus.scheme, portable(config)
    utterances = {int(row) for fold in planned.folds.folds for part in (fold.train, fold.dev, fold.test) for row in part}
    return Description(
        name=f"{settings['model']['fusion']['name']} on {corpus.name}",
        settings=settings,
        classes=scheme["classes"],
        dimensions=scheme["dimensions"],
        genders=sorted({*corpus.column("gender").tolist()} - {""}) if config.tasks.gender.weight else [],
        tasks=lent(config.tasks.active()),
        encoders=encoders_of(planned),
        members=len(seeds),
        seeds=list(seeds),
        epochs=list(epochs),
        rule=rule,
        card=planned.card,
        utterances=len(utterances),
        program=importlib.metadata.version("bridgework"),
        speech_alone=settings["model"]["masking"]["name"] != "none" and set(planned.dataset.channels) == {"speech", "text"},
    )


def portable(config: Config) -> dict[str, Any]:
    """Returns the settings that decide how a model predicts, without paths."""
    settings = {name: part for name, part in as_dict(config).items() if name in PARTS}
    for channel in CHANNELS:
        settings["model"][channel].pop("path", None)
    return settings


def encoders_of(planned: Plan) -> dict[str, dict[str, str]]:
    """Returns name, weights and path of each channel's checkpoint."""
    found = {}
    for name in planned.config.model.channels:
        option: EncoderOption = getattr(planned.config.model, name)
        path = getattr(option, "path", "")
        if path:
            folder = find(path, option.key)
            found[name] = {"checkpoint": Path(path).name, "weights": weights_hash(folder), "path": path}
    return found
