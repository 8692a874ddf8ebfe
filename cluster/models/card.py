"""The card of a model: README.md of its folder, for people who want to use it.

description --> front matter (YAML), then: what it does, what to expect, groups, data and licence, how it was made, limits
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from ablations.report.cells import long_name, number
from ser_core.config.from_dict import config_from
from ser_core.config.identity import default_of
from ser_core.metrics import find_metric
from ser_core.options import Option
from ser_core.trained.description import Description

NON_COMMERCIAL = ("-nc", "non-commercial", "noncommercial", "academic", "research")
"""Words in a licence that rule out commercial use."""
USES = """It estimates the emotion that listeners would hear in an utterance. It does not read minds: labels are what raters or
actors called an emotion.

Do not use it to decide about people: hiring, policing, credit, diagnosis, proctoring, or surveillance. In the European Union,
inferring emotions at the workplace and in education is prohibited (Regulation (EU) 2024/1689, Article 5). Scores below hold for
speakers, language and recordings like those of the corpus; expect less elsewhere, and measure it with `ser evaluate`."""


def card(description: Description) -> str:
    """Returns the card as Markdown."""
    sections = [
        f"# {description.name}",
        USES,
        "## Use",
        usage(description),
        "## What to expect",
        expectations(description),
        *(["## By group of speakers", groups(description)] if description.groups else []),
        "## Data and licence",
        data(description),
        "## How it was made",
        making(description),
    ]
    return front_matter() + "\n\n".join(sections) + "\n"


def front_matter() -> str:
    """Returns the YAML block that model hubs read."""
    # `other`: the corpus and the encoders have their own terms, and the strictest wins.
    lines = ["library_name: bridgework", "license: other", "tags:", "- speech-emotion-recognition", "- audio-classification"]
    return "\n".join(["---", *lines, "---", "", ""])


def usage(description: Description) -> str:
    text = ', text="what was said"' if description.settings["model"]["text"]["name"] != "none" else ""
    return (
        "    ser predict FOLDER FILES\n\n"
        "or in Python, without Ray, Optuna or MLflow:\n\n"
        "    from ser_core.trained import load\n"
        '    model = load("FOLDER")\n'
        f'    model("file.wav"{text})'
    )


def changed(description: Description) -> dict[str, Any]:
    """Returns the settings that differ from the defaults; of the tasks, those that are trained."""
    config = config_from(description.settings)
    tasks = {name: _changed(task) for name, task in config.tasks.active().items()}
    return {"audio": _changed(config.audio), "model": _changed(config.model), "tasks": tasks}


def _changed(option: Option) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(option):
        value = getattr(option, field.name)
        if isinstance(value, Option):
            found[field.name] = _changed(value)
        elif field.name == "name" or (field.name != "path" and value != default_of(field)):
            found[field.name] = value
    return found


def expectations(description: Description) -> str:
    """Returns the scores of the cross-validation, with what they mean."""
    rows = []
    for metric, found in description.expected.items():
        low, high = (found[end] for end in ("low", "high"))
        if find_metric(metric).percent:  # t intervals of few folds may leave the scale
            low, high = max(low, 0.0), min(high, 1.0)
        rows.append((long_name(metric), number(found["value"], metric), f"{number(low, metric)} to {number(high, metric)}"))
    protocol = description.card.get("protocol", "")
    note = (
        f"Mean over the folds of a cross-validation ({protocol}) of the same settings; each fold's model learned from fewer "
        "speakers than this one. The interval holds 95 % for new speakers of the same corpus. Percent, except for CCC."
    )
    return table(("Metric", "expected", "95 % interval"), rows) + "\n\n" + note


def groups(description: Description) -> str:
    shown = [metric for metric in description.expected if all(metric in scores for scores in description.groups.values())][:6]
    rows = [(long_name(metric), *(number(scores[metric], metric) for scores in description.groups.values())) for metric in shown]
    return table(("Metric", *description.groups), rows) + "\n\nOver all test utterances of a group together."


def data(description: Description) -> str:
    """Returns corpus, licence and what follows from it."""
    card_, parts = description.card, []
    terms = str(card_.get("licence", "unknown"))
    parts.append(f"* Corpus: {card_.get('corpus', '')}, {description.utterances} utterances. Source: {card_.get('source', '')}")
    parts.append(f"* Licence of the corpus: {terms}")
    if any(word in terms.lower() for word in NON_COMMERCIAL):
        parts.append("* The licence of the corpus does not allow commercial use, so neither may this model be used commercially.")
    parts += [
        f"* Encoder of the {channel} channel: {named['checkpoint']} (weights {named['weights']}); its licence applies as well."
        for channel, named in description.encoders.items()
    ]
    parts.append("* The strictest of these terms wins. This summary is ours; only the agreements themselves are binding.")
    return "\n".join(parts)


def making(description: Description) -> str:
    """Returns how the model was trained."""
    seeds = ", ".join(map(str, description.seeds))
    lines = [
        f"* Classes: {', '.join(description.classes)}",
        *(
            f"* {name}: from {low:g} to {high:g}"
            for name, (low, high) in description.dimensions.items()
            if "dimensions" in description.tasks
        ),
        f"* Members: {description.members}, seeds {seeds}",
        f"* Epochs per stage: {', '.join(map(str, description.epochs))}. {description.rule}",
        f"* Probabilities are calibrated by a temperature of {description.temperature:.2f}, fitted on development predictions.",
        f"* Split {description.card.get('split', '')}, corpus content {description.card.get('content', '')}",
        f"* Trained with Bridgework {description.program}",
        *(f"* {note}" for note in description.notes),
        "* Settings other than the defaults: `" + json.dumps(changed(description)) + "`",
    ]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)
