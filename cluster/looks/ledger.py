"""The ledger of looks: one line per table that showed test scores, and per plan. It is never rewritten.

<store>/looks.jsonl            one line per look: time, command, study, configurations, tested set, hash of an earlier line
<store>/looks/<tested>.json    the tested set: utterances and labels of each test speaker, as hashes
<study>/looks.json             hashes of the study's own lines

Every line names the hash of the line before it. A line that was deleted or changed leaves a line behind it, or a study, that
names a hash which is not there. Lines from another store keep their own chain.
"""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError

LEDGER, SETS, OWN = "looks.jsonl", "looks", "looks.json"
TABLE, PARTIAL, PLAN = "table", "partial", "plan"
"""Kinds of lines: a complete table, scores of a study that has not ended, a plan."""


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


def keep_set(store: RunStore, digest: str, tested: Mapping[str, Sequence[str]]) -> None:
    """Writes a tested set, unless it is there."""
    file = store.folder / SETS / f"{digest}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        draft.write_text(json.dumps({name: list(each) for name, each in tested.items()}))
        draft.replace(file)


def read_set(store: RunStore, digest: str) -> dict[str, set[str]]:
    """Returns a tested set: hashes of the utterances by hash of the speaker; {} if it is not there."""
    file = store.folder / SETS / f"{digest}.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise RecordError(f"{file} is damaged ({error}); delete it: the next table writes it again") from error
    return {speaker: set(utterances) for speaker, utterances in found.items()}


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
