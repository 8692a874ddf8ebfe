"""Makes the description of a model from the plan that trained it: settings without places, label scheme, encoders, card."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from ser_core.config.compose import as_dict
from ser_core.config.override_keys import expand
from ser_core.config.published_system import apply_system
from ser_core.config.tree import GROUPS
from ser_core.cross_validation.plan import Plan
from ser_core.encoders.checkpoint import find
from ser_core.encoders.encoder import EncoderOption, weights_hash
from ser_core.trained.description import Description
from ser_core.trained.emotion_model import lent

ELSEWHERE = ("corpus", "folds", "run", "cluster", "seed", "conditions")
"""Settings that say where and on what a model was trained, not how it predicts."""


def describe(planned: Plan, overrides: Sequence[str], seeds: Sequence[int], epochs: Sequence[int], rule: str) -> Description:
    """Returns the description without scores. `overrides` are those that composed the plan's configuration."""
    config, corpus = planned.config, planned.dataset.corpus
    scheme, model = corpus.scheme, as_dict(config)["model"]
    utterances = {int(row) for fold in planned.folds.folds for part in (fold.train, fold.dev, fold.test) for row in part}
    return Description(
        name=f"{model['fusion']['name']} on {corpus.name}",
        overrides=portable(overrides),
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
        speech_alone=model["masking"]["name"] != "none" and set(planned.dataset.channels) == {"speech", "text"},
    )


def portable(overrides: Sequence[str]) -> list[str]:
    """Returns the overrides that shape the model, with the settings of a published system written out and without paths.

    >>> portable(["corpus=emodb", "corpus.root=/data", "model.fusion=bridge", "seed=3"])
    ['model/fusion=bridge']
    """
    written = expand(apply_system(overrides, GROUPS).overrides, GROUPS)
    kept = []
    for override in written:
        key = override.partition("=")[0].replace("/", ".").lstrip("+~")
        if key.split(".")[0] not in ELSEWHERE and key not in ("model.speech.path", "model.text.path"):
            kept.append(override)
    return kept


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
