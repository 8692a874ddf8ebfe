"""The ledger of looks: one line per table that showed test scores, and per plan. It is never rewritten.

<store>/looks.jsonl            one line per look: time, command, study, configurations, tested set, hash of an earlier line
<store>/looks/<tested>.json    the tested set: utterances and labels of each test speaker, as hashes
<study>/looks.json             hashes of the study's own lines

Every line names the hash of the line before it. A line that was deleted or changed leaves a line behind it, or a study, that
names a hash which is not there. Lines from another store keep their own chain. The hash of a tested set is its name, so a set
that is missing or was changed shows as well. So does a report whose study has no line.
"""

import dataclasses
import datetime
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from cluster.looks.tested_set import digest_of
from cluster.study_record import SEALED
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError

LEDGER, SETS, OWN = "looks.jsonl", "looks", "looks.json"
TABLE, PARTIAL, PLAN = "table", "partial", "plan"
"""Kinds of lines: a complete table, scores of a study that has not ended, a plan."""
REPORTS = ("report.html", "details.csv", "table.tex", "evaluation.json")
"""Files that only a study has whose test scores were shown."""
MARKS = ("table.csv", "shown.json")
"""Files that other studies have as well."""


@dataclasses.dataclass(frozen=True)
class Look:
    """One line of the ledger."""

    kind: str
    when: str
    """Time in UTC, to the second."""
    command: str
    study: str
    configurations: Mapping[str, Sequence[str]]
    """Fingerprints of each variant, one per seed."""
    folds: int
    """Folds whose test scores were shown."""
    tested: str
    """Hash of the tested utterances and their labels, whatever the split."""
    content: str = ""
    """Hash of the plan, for a plan."""
    previous: str = ""
    """Hash of the line before; empty for the first."""
    metrics: Sequence[str] = ()
    """Metrics that were judged; of a plan, those of --metric. () in lines of earlier versions."""
    margin: float = 0.0
    """Smallest difference that matters; 0 where nothing was judged, and in lines of earlier versions."""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Hash of the settings by fingerprint, without seed, folds and selection of the corpus (comparison.py)."""
    planned: int = 0
    """Looks that a plan allows."""
    unrecorded: bool = False
    """Whether the study had a report already, but no line."""

    @property
    def fingerprints(self) -> set[str]:
        return {one for each in self.configurations.values() for one in each}


Entry = tuple[str, Look]
"""A look with the hash of its line."""


def looks(store: RunStore) -> list[Entry]:
    """Returns all looks, oldest first. Raises RecordError when a line cannot be read."""
    file = store.folder / LEDGER
    if not file.exists():
        return []
    try:
        return [(_hash(line), Look(**json.loads(line))) for line in file.read_text().splitlines()]
    except (ValueError, TypeError) as error:
        raise RecordError(
            f"{file} is damaged ({error}): it records who has seen test scores; restore it from a copy or delete the damaged line"
        ) from error


def add_look(store: RunStore, look: Look, folder: Path, tested: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Adds a look of the study in `folder`, and returns all looks, the new one last."""
    store.folder.mkdir(parents=True, exist_ok=True)
    if tested:
        keep_set(store, look.tested, tested)
    with _locked(store):
        known = looks(store)
        line = json.dumps(dataclasses.asdict(dataclasses.replace(look, previous=known[-1][0] if known else "")))
        with (store.folder / LEDGER).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / OWN, json.dumps([*_own(folder), _hash(line)]))
    return [*known, (_hash(line), Look(**json.loads(line)))]


def merge_looks(store: RunStore, content: bytes) -> None:
    """Adds the lines of another store's ledger that this one lacks."""
    store.folder.mkdir(parents=True, exist_ok=True)
    with _locked(store):
        file = store.folder / LEDGER
        lines = file.read_bytes().splitlines() if file.exists() else []
        with file.open("ab") as target:
            target.writelines(line + b"\n" for line in content.splitlines() if line not in lines)


def missing_lines(store: RunStore, known: Sequence[Entry]) -> int:
    """Returns how many lines are named by later lines or by studies, but are not there."""
    present = {digest for digest, _ in known}
    named = {look.previous for _, look in known if look.previous}
    for file in store.folder.glob(f"studies/*/{OWN}"):
        named.update(_own(file.parent))
    return len(named - present)


def unrecorded_studies(store: RunStore, known: Sequence[Entry]) -> list[str]:
    """Returns the ids of studies that have shown test scores without a line in the ledger, now or when their line was added."""
    there = {look.study for _, look in known if look.kind != PLAN}
    found = {look.study for _, look in known if look.unrecorded}
    places = (place for place in store.folder.glob("studies/*") if place.name not in there)
    return sorted(found | {place.name for place in places if has_shown(place)})


def has_shown(folder: Path) -> bool:
    """Whether the folder of a study has a report, an evaluation, or the mark of a dashboard that showed test scores."""
    if any((folder / name).exists() for name in REPORTS):
        return True
    try:
        kind = json.loads((folder / "study.json").read_text())["kind"]
        return kind not in SEALED and any((folder / name).exists() for name in MARKS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def keep_set(store: RunStore, digest: str, tested: Mapping[str, Sequence[str]]) -> None:
    """Writes a tested set, unless it is there as it was."""
    file = store.folder / SETS / f"{digest}.json"
    if read_set(store, digest) is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        draft.write_text(json.dumps({name: list(each) for name, each in tested.items()}))
        draft.replace(file)


def read_set(store: RunStore, digest: str) -> dict[str, set[str]] | None:
    """Returns a tested set: hashes of the utterances by hash of the speaker; None if it is missing, damaged or was changed."""
    try:
        found: dict[str, list[str]] = json.loads((store.folder / SETS / f"{digest}.json").read_text())
        changed = digest_of(found) != digest
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None
    return None if changed else {speaker: set(utterances) for speaker, utterances in found.items()}


def utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _own(folder: Path) -> list[str]:
    file = folder / OWN
    try:
        return list(json.loads(file.read_text())) if file.exists() else []
    except ValueError as error:
        raise RecordError(f"{file} is damaged ({error}); delete it") from error


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def _locked(store: RunStore) -> FileLock:
    return FileLock(store.folder / ".looks.lock")
