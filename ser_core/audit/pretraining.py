"""Whether an encoder was trained on the corpus that it is tested on, by the table in checkpoints.py or by its name."""

import contextlib
import json
import re
from pathlib import Path

from ser_core.audit.checkpoints import KNOWN, REGISTRY, Met
from ser_core.audit.finding import Finding
from ser_core.corpus.corpus import Corpus


def pretraining(corpus: Corpus, encoders: dict[str, list[str]]) -> list[Finding]:
    """Reports each encoder that has seen the corpus or its texts. `encoders`: the names of each channel's checkpoint."""
    findings = []
    for channel, names in encoders.items():
        companion = "goemotions" if channel.endswith("text") and "companion" in corpus.text_source else ""
        title = _plain(corpus.name + companion)
        for name in names:
            met = met_by(name)
            labelled = [each for each in met.labelled if each in title] if met else []
            heard = [each for each in met.heard if each in title] if met else []
            if met and (labelled or heard):
                findings.append(_overlap(channel, name, corpus, bool(labelled), met.source))
            elif met and met.says_not:
                findings.append(_unknown(channel, name, met.source))
            else:
                continue
            break
    return findings


def met_by(name: str) -> Met | None:
    """Returns what is known about a checkpoint, by the table or by a corpus in its own name; None for nothing.

    >>> met_by("someone/hubert-finetuned-ravdess-v8").labelled
    ('ravdess',)
    """
    listed = next((met for met in REGISTRY if re.search(met.pattern, name.lower())), None)
    base = _plain(name.rstrip("/").rpartition("/")[2])
    named = tuple(each for each in KNOWN if each in base)
    if listed is None or (named and not listed.labelled):
        return Met(name, named, listed.heard if listed else (), "the checkpoint's name") if named else listed
    return listed


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _overlap(channel: str, name: str, corpus: Corpus, labels: bool, source: str) -> Finding:
    how = "with its labels" if labels else "without its labels"
    return Finding(
        "pre-training overlap",
        "warn",
        f"{channel}={name} was trained on {corpus.name} {how}, so it knows the speakers or texts of every test part.",
        "Compare with an encoder that has not seen the corpus, or say so next to the score.",
        {"labels": labels},
        (name,),
        source,
    )


def _unknown(channel: str, name: str, source: str) -> Finding:
    return Finding(
        "pre-training unknown",
        "info",
        f"{channel}={name} was trained for emotion, and no source known here names its corpora: it may have met this one.",
        "Look for its corpora in its card or paper, or use an encoder whose corpora are known.",
        {},
        (name,),
        source,
    )


def checkpoint_names(path: str) -> list[str]:
    """Returns the names of a checkpoint: its folder, and its published name if its config.json has one."""
    names = [path.rstrip("/")] if path else []
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no folder, no JSON, no mapping: no name
        names.append(str(json.loads((Path(path) / "config.json").read_text()).get("_name_or_path", "")))
    return [name for name in names if name]
