"""How a study is stored: its question, its variants as overrides, and the keys of the folds that answer it.

<store>/studies/<name>-<hash>/study.json        in the same folder: table.md table.csv table.tex report.html
"""

import contextlib
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
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError

SEALED = ("search", "selection")
"""Kinds of studies whose test parts stay sealed."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """Describes a search trial that ended before its last fold."""

    folds: int
    """Number of folds judged before the end."""
    reason: str
    pruned: bool
    """True when its scores ended it; False when a budget was spent. A larger budget resumes the latter."""
    curve: list[float] = dataclasses.field(default_factory=list)
    """Best development score so far after each epoch, mean over folds. Empty unless the trial was judged on epochs."""
    cost: float = 0.0
    """Cost of these epochs in folds: their share of all epochs, times the number of folds."""


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """A study and its trials. Reports use only this record and the fold records."""

    id: str
    kind: str
    """ablation, search, run, selection (finalists of a search, trained again) or selected (the choice, tested)."""
    name: str
    question: str
    primary: str
    base: list[str]
    """The user's overrides."""
    trials: list[Trial]
    """Trials in the order of the table. The first variant of an ablation is its baseline."""
    command: str
    asked: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Suggestions of a search, in the order in which Optuna made them."""
    ended: dict[str, Ended] = dataclasses.field(default_factory=dict)
    """Trials of a search that ended early, by fingerprint."""
    trained: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """Folds that this search trained itself, by fingerprint. It found the others already recorded."""
    across: tuple[str, ...] = ()
    """Entries of the protocol card in which the variants differ on purpose."""
    notes: tuple[str, ...] = ()
    """Sentences shown below the table, such as published figures."""
    factorial: Factorial | None = None
    """Factors and design of a factorial ablation; None for other studies."""
    mode: str = "fixed"
    """How an ablation treats all other settings: a key of ablations.modes.MODES."""
    masked: dict[str, str] = dataclasses.field(default_factory=dict)
    """Variants that are the first variant scored under a test condition: condition by variant name."""
    added: tuple[Section, ...] = ()
    """Report sections that do not come from its trials."""
    metrics: tuple[str, ...] = ()
    """Metrics that the user asked to have verdicts; () stands for `primary` and every dimension that is trained."""
    margin: float = 0.0
    """Smallest difference that matters, as the user gave it; 0 stands for paired_study.MARGIN."""
    searched: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of the `Search` that started it; {} for other kinds of study."""

    @property
    def sealed(self) -> bool:
        """Whether the test parts stay sealed."""
        return self.kind in SEALED

    @property
    def keys(self) -> list[FoldKey]:
        """Keys of the folds of all trials, without duplicates."""
        return list(dict.fromkeys(key for trial in self.trials for key in trial.keys))

    def folder(self, store: RunStore) -> Path:
        return store.folder / "studies" / self.id

    def save(self, store: RunStore) -> None:
        """Writes study.json atomically."""
        self.folder(store).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder(store) / "study.json", json.dumps(dataclasses.asdict(self), indent=1))

    def outcomes(self, store: RunStore) -> list[Outcome]:
        """Returns every recorded fold with its test part. Use this for reports, never for decisions."""
        pairs = [(trial.variant, key) for trial in self.trials for key in trial.keys if key in store]
        tests = store.open_tests([key for _, key in pairs])
        found = [Outcome(variant, store.load(key), test) for (variant, key), test in zip(pairs, tests, strict=True)]
        return found + [one.under(name, condition) for name, condition in self.masked.items() for one in found]

    def missing(self, store: RunStore) -> list[FoldKey]:
        """Returns the folds without a record, except those of trials that ended early."""
        return [key for key in self.keys if key not in store and key.fingerprint not in self.ended]


def study_id(name: str, keys: Iterable[FoldKey]) -> str:
    """Returns the name plus a hash of the compared configurations and the split. The number of seeds does not change it."""
    content = sorted({f"{key.fingerprint}/{key.split}" for key in keys})
    return f"{name}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:6]}"


def load_study(store: RunStore, wanted: str) -> StudyRecord:
    """Loads the study with this id, or the latest with this name. Raises RecordError that lists the existing studies."""
    if wanted and (found := find_study(store, wanted)):
        return found
    known = studies(store)
    for study in known:
        if wanted in (study.id, study.name):
            return study
    listed = ", ".join(study.id for study in known) or "none yet"
    raise RecordError(f"no study {wanted!r} in {store.folder}; the store has: {listed}")


def find_study(store: RunStore, wanted: str) -> StudyRecord | None:
    """Returns the study with this id, or None if there is none. Raises RecordError when it is damaged."""
    file = store.folder / "studies" / wanted / "study.json"
    return _read(file) if file.exists() else None


def studies(store: RunStore) -> list[StudyRecord]:
    """Returns every study in the store that can be read, latest first."""
    files = sorted((store.folder / "studies").glob("*/study.json"), key=lambda file: -file.stat().st_mtime)
    found = []
    for file in files:
        # A damaged study is named by `ser studies`, and by commands that ask for it.
        with contextlib.suppress(RecordError):
            found.append(_read(file))
    return found


def _read(file: Path) -> StudyRecord:
    try:
        fields = json.loads(file.read_text())
        fields["trials"] = [_trial(trial) for trial in fields["trials"]]
        if fields.get("factorial"):
            fields["factorial"] = Factorial(**{**fields["factorial"], "factors": tuple(fields["factorial"]["factors"])})
        fields["metrics"] = tuple(fields.get("metrics", ()))
        fields["added"] = tuple(_section(section) for section in fields.get("added", ()))
        fields["ended"] = {name: Ended(**ended) for name, ended in fields.get("ended", {}).items()}
        return StudyRecord(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{file} is damaged ({error}); delete it and run the study again; its folds are kept") from error


def _section(fields: dict[str, Any]) -> Section:
    rows = tuple(tuple(row) for row in fields["rows"])
    return Section(**{**fields, "columns": tuple(fields["columns"]), "rows": rows, "notes": tuple(fields["notes"])})


def _trial(fields: dict[str, Any]) -> Trial:
    keys: Sequence[dict[str, Any]] = fields["keys"]
    found = tuple(FoldKey(**key) for key in keys)
    return Trial(fields["variant"], fields["seed"], tuple(fields["overrides"]), found, fields.get("pack", 1))
