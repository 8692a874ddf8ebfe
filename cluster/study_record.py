"""What a study is on disk: its question, its variants as overrides, and the keys of the folds that answer it.

<store>/studies/<name>-<hash>/study.json        table.md table.csv table.tex report.html beside it
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ablations.designs import Factorial
from ablations.outcomes import Outcome
from ablations.section import Section
from cluster.trial import Trial
from ser_core.content_hashes import write_whole
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a trial of a search ended before its last fold."""

    folds: int
    """Folds that had been judged."""
    reason: str
    pruned: bool
    """By its scores; otherwise because a budget was spent, which a larger one undoes."""
    curve: list[float] = dataclasses.field(default_factory=list)
    """Where it was judged on epochs: the best development score so far after each of them, mean over folds."""
    cost: float = 0.0
    """What these epochs come to in folds: the share of all epochs, times the folds."""


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """A study and its trials. Everything in a report comes from here and from the fold records."""

    id: str
    kind: str
    """ablation, search, run, selection (finalists of a search trained anew) or selected (the one chosen, tested)."""
    name: str
    question: str
    primary: str
    base: list[str]
    """The user's overrides."""
    trials: list[Trial]
    """In the order of the table; an ablation's first variant is its baseline."""
    command: str
    asked: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """A search's suggestions, in the order in which they were asked for."""
    ended: dict[str, Ended] = dataclasses.field(default_factory=dict)
    """By fingerprint, the trials of a search that ended early."""
    trained: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """By fingerprint, the folds that this search trained itself; the others it found."""
    across: tuple[str, ...] = ()
    """Entries of the protocol card that the variants differ in on purpose."""
    notes: tuple[str, ...] = ()
    """Sentences that stand below the table, such as published figures."""
    factorial: Factorial | None = None
    """The factors and the design of an ablation that was made of factors."""
    mode: str = "fixed"
    """What an ablation does with all other settings: a key of ablations.modes.MODES."""
    masked: dict[str, str] = dataclasses.field(default_factory=dict)
    """Variants that are the first one under a condition at test, by name."""
    added: tuple[Section, ...] = ()
    """Tables of its report that come from elsewhere than its trials."""
    searched: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The fields of the Search that a search was asked for; {} for other kinds."""

    @property
    def sealed(self) -> bool:
        """Whether its test parts stay closed."""
        return self.kind in ("search", "selection")

    @property
    def keys(self) -> list[FoldKey]:
        """The folds of all trials, without repetition."""
        return list(dict.fromkeys(key for trial in self.trials for key in trial.keys))

    def folder(self, store: RunStore) -> Path:
        return store.folder / "studies" / self.id

    def save(self, store: RunStore) -> None:
        """Writes study.json whole or not at all."""
        self.folder(store).mkdir(parents=True, exist_ok=True)
        write_whole(self.folder(store) / "study.json", json.dumps(dataclasses.asdict(self), indent=1))

    def outcomes(self, store: RunStore) -> list[Outcome]:
        """Every recorded fold with its test part: for reports, never for decisions."""
        pairs = [(trial.variant, key) for trial in self.trials for key in trial.keys if key in store]
        tests = store.open_tests([key for _, key in pairs])
        found = [Outcome(variant, store.load(key), test) for (variant, key), test in zip(pairs, tests, strict=True)]
        return found + [one.under(name, condition) for name, condition in self.masked.items() for one in found]

    def missing(self, store: RunStore) -> list[FoldKey]:
        """Folds without a record, those of trials ended early left out."""
        return [key for key in self.keys if key not in store and key.fingerprint not in self.ended]


def study_id(name: str, keys: Iterable[FoldKey]) -> str:
    """Name and a hash of what is compared over which split: the same whatever the number of seeds."""
    content = sorted({f"{key.fingerprint}/{key.split}" for key in keys})
    return f"{name}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:6]}"


def load_study(store: RunStore, wanted: str) -> StudyRecord:
    """The study of that id, or the latest of that name. Raises RecordError listing those that exist."""
    known = studies(store)
    for study in known:
        if wanted in (study.id, study.name):
            return study
    listed = ", ".join(study.id for study in known) or "none yet"
    raise RecordError(f"no study {wanted!r} in {store.folder}; there are: {listed}")


def studies(store: RunStore) -> list[StudyRecord]:
    """Every study of the store, the latest first."""
    files = sorted((store.folder / "studies").glob("*/study.json"), key=lambda file: -file.stat().st_mtime)
    return [_read(file) for file in files]


def _read(file: Path) -> StudyRecord:
    try:
        fields = json.loads(file.read_text())
        fields["trials"] = [_trial(trial) for trial in fields["trials"]]
        if fields.get("factorial"):
            fields["factorial"] = Factorial(**{**fields["factorial"], "factors": tuple(fields["factorial"]["factors"])})
        fields["added"] = tuple(_section(section) for section in fields.get("added", ()))
        fields["ended"] = {name: Ended(**ended) for name, ended in fields.get("ended", {}).items()}
        return StudyRecord(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{file} is damaged ({error}); delete it and run the study again: its folds are kept") from error


def _section(fields: dict[str, Any]) -> Section:
    rows = tuple(tuple(row) for row in fields["rows"])
    return Section(**{**fields, "columns": tuple(fields["columns"]), "rows": rows, "notes": tuple(fields["notes"])})


def _trial(fields: dict[str, Any]) -> Trial:
    keys: Sequence[dict[str, Any]] = fields["keys"]
    found = tuple(FoldKey(**key) for key in keys)
    return Trial(fields["variant"], fields["seed"], tuple(fields["overrides"]), found, fields.get("pack", 1))
