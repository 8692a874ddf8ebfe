"""The card of a model: README.md of its folder, for people who want to use it.

description --> front matter (YAML), then: what it does, limits, use, what to expect, groups, protocol, data and licence, making
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ablations.report.cells import long_name, number
from cluster.models.card_terms import hub_licence, parts, terms_of, together
from ser_core.config.from_dict import config_from
from ser_core.config.identity import default_of
from ser_core.folds import FOLDS
from ser_core.metrics import find_metric, is_column
from ser_core.options import Option
from ser_core.trained.description import Description
from ser_core.trained.write_onnx import Ports

TERMS = "LICENSE.md"
"""File with the terms, which the Hub asks for where the licence is none that it knows."""
USES = """It estimates the emotion that listeners would hear in an utterance. It does not read minds: labels are what raters or
actors called an emotion. The scores below hold for speakers, language and recordings like those of the corpus. Expect less
elsewhere, and measure it with `ser evaluate`."""
FORBIDDEN = """Do not use it to decide about people: hiring, policing, credit, diagnosis, proctoring, or surveillance. In the
European Union, inferring emotions at the workplace and in education is prohibited (Regulation (EU) 2024/1689, Article 5). Do not
use it on recordings of people who have not agreed to it, and do not present an answer as what somebody feels. Errors differ
between groups and between speakers; the tables below show by how much."""


def card(description: Description, onnx: Ports | None = None) -> str:
    """Returns the card as Markdown. `onnx` has the inputs and outputs of the file model.onnx, if there is one."""
    sections = [
        f"# {description.name}",
        USES,
        "## What it must not be used for",
        FORBIDDEN,
        "## Use",
        usage(description),
        *(["## ONNX", graph(onnx)] if onnx else []),
        "## What to expect",
        expectations(description),
        *(["## By group of speakers", groups(description)] if description.groups else []),
        *(["## From speaker to speaker", speakers(description)] if description.speakers else []),
        "## How it was tested",
        protocol(description),
        "## Data and licence",
        data(description),
        *(["## Reconstructions and notes", notes(description)] if any(description.notes) else []),
        "## How it was made",
        making(description),
    ]
    return front_matter(description) + "\n\n".join(sections) + "\n"


def front_matter(description: Description) -> str:
    """Returns the YAML block that the Hugging Face Hub reads: licence, tags, base models, and scores as `model-index`."""
    bases = [named["path"] for named in description.encoders.values() if named.get("path") and not Path(named["path"]).exists()]
    scores = [
        {"type": metric, "name": long_name(metric), "value": round(found["value"], 4)}
        for metric, found in description.expected.items()
        if is_column(metric)
    ]
    corpus = str(description.card.get("corpus", "")) or "unknown"
    task = {"type": "audio-classification", "name": "Speech emotion recognition"}
    protocol = str(description.card.get("protocol", "")) or "unknown"
    results = [{"task": task, "dataset": {"type": corpus, "name": corpus, "split": protocol}, "metrics": scores}]
    licence = hub_licence(description)
    own_terms = {"license_name": "terms-of-its-parts", "license_link": TERMS} if licence == "other" else {}
    block = {
        "library_name": "bridgework",
        "pipeline_tag": "audio-classification",
        "license": licence,
        **own_terms,
        **({"base_model": bases} if bases else {}),
        "tags": ["speech-emotion-recognition", "audio-classification", "bridgework"],
        **({"model-index": [{"name": description.name, "results": results}]} if scores else {}),
    }
    return f"---\n{yaml.safe_dump(block, sort_keys=False, allow_unicode=True)}---\n\n"


def licence_file(description: Description) -> str:
    """Returns the text of LICENSE.md: what the licences of the parts demand together."""
    return f"# Terms of {description.name}\n\n{data(description)}\n"


def usage(description: Description) -> str:
    text = ', text="what was said"' if description.settings["model"]["text"]["name"] != "none" else ""
    outside = ", ".join(f'{channel}="FOLDER OF {named["checkpoint"]}"' for channel, named in description.encoders.items())
    return (
        "    ser predict FOLDER FILES\n\n"
        "or in Python, without Ray, Optuna or MLflow:\n\n"
        "    from ser_core.trained import load\n"
        '    model = load("FOLDER")\n'
        f'    model("file.wav"{text})' + (f'\n\nIf the folder holds no encoder: `load("FOLDER", {outside})`.' if outside else "")
    )


def graph(ports: Ports) -> str:
    """Returns what model.onnx reads and answers."""
    rows = [(kind[:-1], port.name, port.meaning) for kind, found in ports.items() for port in found]
    return (
        "`model.onnx` holds the whole ensemble and answers about one utterance at a time, to 1e-4 as the folder does. It needs "
        "onnxruntime and nothing of this project:\n\n"
        '    session = onnxruntime.InferenceSession("model.onnx")\n'
        '    probabilities, *_ = session.run(None, {"'
        + ports["inputs"][0].name
        + '": ...})\n\n'
        + table(("", "name", "what it holds"), rows)
        + _hashing(ports)
    )


def _hashing(ports: Ports) -> str:
    if all(port.name != "text" for port in ports["inputs"]):
        return ""
    return (
        "\n\nThe number of a word is 1 plus its BLAKE2b hash (8 bytes, big-endian) modulo one less than the number of word "
        "vectors; `ser_core.encoders.words.word_numbers` computes it."
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
    note = (
        "Mean over the folds of a cross-validation of the same settings; each fold's model learned from fewer speakers than this "
        "one. The interval holds 95 % for new speakers of the same corpus. Percent, except for CCC."
    )
    return table(("Metric", "expected", "95 % interval"), rows) + "\n\n" + note


def groups(description: Description) -> str:
    shown = [metric for metric in description.expected if all(metric in scores for scores in description.groups.values())][:6]
    rows = [(long_name(metric), *(number(scores[metric], metric) for scores in description.groups.values())) for metric in shown]
    return table(("Metric", *description.groups), rows) + "\n\nOver all test utterances of a group together."


def speakers(description: Description) -> str:
    """Returns how far scores differ between speakers, without naming one."""
    rows = [
        (long_name(metric), *(number(found[part], metric) for part in ("lowest", "median", "highest")))
        for metric, found in description.speakers.items()
    ]
    return table(("Metric", "lowest", "median", "highest"), rows) + "\n\nOver the test utterances of each speaker."


def protocol(description: Description) -> str:
    """Returns how the scores were measured."""
    card_ = description.card
    name = str(card_.get("protocol", "unknown"))
    lines = [
        f"* Protocol: {name}, {card_.get('folds', '?')} folds" + (f". {FOLDS[name].__doc__}" if name in FOLDS else ""),
        f"* Development part: {card_.get('dev_rule', 'unknown')}",
        f"* Tested model: trained on {card_.get('tested_model', 'the training part')}",
        f"* Text: {card_.get('text_source', 'none')}" if description.settings["model"]["text"]["name"] != "none" else "",
        f"* Definitions: {card_.get('metrics', '')}; UAR is the mean recall of the classes, WA the accuracy",
        *(f"* Caveat: {flag}" for flag in card_.get("flags", ())),
        f"* Split {card_.get('split', '')}, corpus content {card_.get('content', '')}",
    ]
    return "\n".join(line for line in lines if line)


def data(description: Description) -> str:
    """Returns corpus, licences and what follows from them together."""
    card_, terms = description.card, terms_of(description)
    counts = ", ".join(f"{name} {count}" for name, count in card_.get("emotions", {}).items())
    lines = [
        f"Corpus: {card_.get('corpus', '')}, {description.utterances} utterances of {card_.get('speakers', '?')} speakers"
        + (f" ({counts})" if counts else ""),
        f"Source: {card_.get('source', '')}",
        *(part.sentence for part in parts(description)),
        *([f"Access to the corpus: {terms.access}"] if terms.access else []),
        *together(description),
    ]
    return "\n".join(f"* {line}" for line in lines)


def notes(description: Description) -> str:
    """Returns what a published system leaves open or does differently, and other notes of the study."""
    return "\n".join(f"* {note}" for note in description.notes if note)


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
        f"* Trained with Bridgework {description.program}",
        "* Settings other than the defaults: `" + json.dumps(changed(description)) + "`",
    ]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)
