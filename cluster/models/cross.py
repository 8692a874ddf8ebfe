"""A cross-corpus matrix: one configuration trained on each corpus and tested on each other one.

                 tested on  emodb               ravdess
trained on emodb            within: 90.2 ± 3.1  41.0 [36.3, 45.7], 6 classes
trained on ravdess          35.2 [27.0, 43.4]   within: 73.4 ± 2.8
Within a corpus the score is that of cross-validation, on its own classes. Between corpora the model answers from the shared ones.
"""

import csv
import dataclasses
import hashlib
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ablations.report.cells import ends, half_width, long_name, number
from ablations.report.render import section_to_markdown
from ablations.section import Section
from ablations.statistics.corrected_t import Interval
from cluster.models.evaluation_store import StoredEvaluation
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.trained.description import Description

PREFIX = "cross-"


@dataclasses.dataclass(frozen=True)
class CrossAsked:
    """What `ser cross` was asked for."""

    corpora: Sequence[str]
    """Overrides of each corpus in one string, such as `corpus=emodb corpus.root=FOLDER`."""
    metric: str = "uar"
    same: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Pairs of labels that mean the same in different corpora."""


@dataclasses.dataclass(frozen=True)
class Cross:
    """The finished matrix."""

    metric: str
    models: Mapping[str, Description]
    """By corpus that the model was trained on."""
    cells: Mapping[tuple[str, str], StoredEvaluation]
    """By corpus of training and corpus of testing."""
    looks: tuple[str, ...]
    command: str


def corpus_words(overrides: Sequence[str], corpora: Sequence[str]) -> list[list[str]]:
    """Returns the overrides of each corpus, its choice first. Raises SettingError unless there are two, each with its choice."""
    if any(word.startswith("corpus=") for word in overrides):
        raise SettingError('ser cross takes corpora by --on only, for instance --on "corpus=emodb corpus.root=FOLDER"')
    if len(corpora) < 2:
        raise SettingError(
            'ser cross needs at least two corpora: --on "corpus=emodb corpus.root=A" --on "corpus=ravdess corpus.root=B"'
        )
    found = []
    for given in corpora:
        words = shlex.split(given)
        chosen = [word for word in words if word.startswith("corpus=")]
        if len(chosen) != 1:
            raise SettingError(f"--on {given!r} must choose one corpus, for instance corpus=emodb corpus.root=FOLDER")
        found.append([*chosen, *(word for word in words if word not in chosen)])
    return found


def renamed(same: Mapping[str, str], labels: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Returns new names for labels that the model does not have, from pairs that hold in both directions.

    >>> renamed({"joy": "happiness"}, ["happiness", "fear"], ["joy", "fear"])
    {'happiness': 'joy'}
    """
    both = {**{one: other for other, one in same.items()}, **same}
    return {label: both[label] for label in labels if label not in classes and both.get(label) in classes}


def cross_section(found: Cross) -> Section:
    """Returns the matrix: one row per training corpus, one column per test corpus."""
    corpora = list(found.models)
    rows = tuple((source, *(_cell(found, source, target) for target in corpora)) for source in corpora)
    pairs = [
        f"{source} to {target}: {len(one.result.classes)} shared classes ({', '.join(one.result.classes)}), "
        f"{one.result.tested} utterances."
        for (source, target), one in found.cells.items()
    ]
    own = [note for one in found.cells.values() for note in one.result.notes if not note.startswith("Answers come from")]
    return Section(
        title=f"{long_name(found.metric)}: trained on the corpus of the row, tested on that of the column",
        columns=("trained on", *corpora),
        rows=rows,
        notes=(
            "Within a corpus (diagonal): cross-validation on its own classes, ± half the 95 % interval for new speakers. "
            "Between corpora: answers from the shared classes, in brackets the 95 % interval over test speakers. "
            "Compare within a column.",
            *pairs,
            *dict.fromkeys(own),
            *found.looks,
        ),
    )


def _cell(found: Cross, source: str, target: str) -> str:
    if source == target:
        expected = found.models[source].expected.get(found.metric)
        return half_width(Interval(**expected), found.metric) if expected else number(float("nan"), found.metric)
    score = found.cells[source, target].result.scores.get(found.metric, Interval(float("nan")))
    return ends(score, found.metric)


def write_cross(found: Cross, store: RunStore) -> Path:
    """Writes the matrix as CSV, Markdown and JSON, and returns its folder."""
    content = json.dumps([sorted(one.id for one in found.cells.values()), found.metric])
    place = store.folder / "studies" / f"{PREFIX}{hashlib.sha256(content.encode()).hexdigest()[:6]}"
    place.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trained_on", "tested_on", "metric", "value", "low", "high", "classes", "utterances", "evaluation"])
    for (source, target), one in found.cells.items():
        score = one.result.scores.get(found.metric, Interval(float("nan")))
        ended = [f"{value:.6g}" for value in dataclasses.astuple(score)]
        writer.writerow([source, target, found.metric, *ended, len(one.result.classes), one.result.tested, one.id])
    write_atomically(place / "table.csv", text.getvalue())
    write_atomically(place / "table.md", section_to_markdown(cross_section(found)))
    evaluations = {f"{source} to {target}": one.id for (source, target), one in found.cells.items()}
    write_atomically(place / "cross.json", json.dumps({"command": found.command, "evaluations": evaluations}, indent=1))
    return place


def evaluations_of(place: Path) -> list[str]:
    """Returns the ids of the evaluations in a matrix."""
    found: dict[str, dict[str, str]] = json.loads((place / "cross.json").read_text())
    return list(found["evaluations"].values())
