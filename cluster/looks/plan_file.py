"""A plan: what a study asks and how it will be judged, written and hashed before anything trains.

`ser ablate ... --plan "HYPOTHESIS"`  -->  <study>/plan.json  -->  its hash in the ledger of looks  -->  "kept", or what differs
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.paired_study import LEVEL, MARGIN
from ablations.statistics.words import counted
from cluster.looks.ledger import PLAN, Entry, Look, add_look, looks, utc_now
from cluster.study_record import StudyRecord
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError

FILE = "plan.json"


@dataclasses.dataclass(frozen=True)
class StudyPlan:
    """What was planned. A report compares it with what it shows."""

    hypothesis: str
    variants: tuple[str, ...]
    baseline: str
    metrics: tuple[str, ...]
    """Metrics of the verdicts."""
    margin: float
    """Smallest difference that matters."""
    folds: int
    seeds: int
    """Number of seeds; with several looks, of the first one."""
    looks: int = 1
    """Tables that may be looked at, with seeds added in between."""

    def __post_init__(self) -> None:
        if not self.hypothesis.strip():
            raise SettingError('--plan needs a hypothesis, such as --plan "bridge tokens beat concatenation in UAR"')
        if self.looks < 1:
            raise SettingError(f"--looks must be at least 1, got {self.looks}")


@dataclasses.dataclass(frozen=True)
class PlanAsked:
    """What a user says about a plan: the hypothesis, and how many looks at the table there may be."""

    hypothesis: str
    looks: int = 1


def planned_as(record: StudyRecord, asked: PlanAsked) -> StudyPlan:
    """Returns the plan of a study as it is about to be trained."""
    metrics = record.metrics or (f"{record.primary} and every dimension that is trained",)
    variants = tuple(dict.fromkeys(trial.variant for trial in record.trials))
    folds = len({(key.split, key.fold) for key in record.trials[0].keys})
    seeds = len({trial.seed for trial in record.trials})
    return StudyPlan(asked.hypothesis, variants, variants[0], metrics, record.margin or MARGIN, folds, seeds, asked.looks)


def write_plan(record: StudyRecord, store: RunStore, plan: StudyPlan) -> str:
    """Writes the plan and its line in the ledger, and returns its hash. The same plan is not written twice.

    Raises SettingError when another plan exists, or when a table of these variants was seen already.
    """
    folder = record.folder(store)
    if known := read_plan(record, store):
        if not broken_parts(known[0], plan) and (plan.hypothesis, plan.looks) == (known[0].hypothesis, known[0].looks):
            return known[1]
        raise SettingError(f"{record.id} has another plan already ({folder / FILE}); leave out --plan to continue under that one")
    if seen := earlier_tables(record, looks(store)):
        raise SettingError(
            f"a plan must come before the first table, and `{seen[0].command}` showed these variants on {seen[0].when[:10]}; "
            "leave out --plan, or plan a study of new configurations"
        )
    content = json.dumps(dataclasses.asdict(plan), indent=1)
    digest = hashlib.sha256(content.encode()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FILE, content)
    configurations: dict[str, list[str]] = {}
    for trial in record.trials:
        configurations.setdefault(trial.variant, []).extend(key.fingerprint for key in trial.keys[:1])
    line = Look(PLAN, utc_now(), record.command, record.id, configurations, 0, "", digest)
    line = dataclasses.replace(line, metrics=record.metrics, margin=plan.margin, planned=plan.looks)
    add_look(store, line, folder, {})
    return digest


def earlier_tables(record: StudyRecord, known: Sequence[Entry]) -> list[Look]:
    """Returns the looks at tables of the study's variants, oldest first."""
    names = {key.fingerprint for key in record.keys}
    return [look for _, look in known if look.kind != PLAN and len(names & look.fingerprints) > 1]


def read_plan(record: StudyRecord, store: RunStore) -> tuple[StudyPlan, str] | None:
    """Returns the plan of a study and its hash, or None. Raises RecordError when it is damaged."""
    return _read(record.folder(store) / FILE)


def _read(file: Path) -> tuple[StudyPlan, str] | None:
    if not file.exists():
        return None
    try:
        content = file.read_text()
        fields: dict[str, Any] = json.loads(content)
        lists = {name: tuple(fields[name]) for name in ("variants", "metrics")}
        return StudyPlan(**{**fields, **lists}), hashlib.sha256(content.encode()).hexdigest()
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(
            f"{file} is damaged ({error}); restore it from a copy, or delete it and report the study as unplanned"
        ) from error


def plan_line(look: Look, store: RunStore) -> Look:
    """Returns the line of a plan. What lines of earlier versions lack comes from the plan's file, if it is there unchanged."""
    if look.planned:
        return look
    known = _read(store.folder / "studies" / look.study / FILE)
    if known is None or known[1] != look.content:
        return dataclasses.replace(look, planned=1, margin=MARGIN)
    named = tuple(name for name in known[0].metrics if " " not in name)
    return dataclasses.replace(look, planned=known[0].looks, margin=known[0].margin, metrics=named)


def plan_is_there(look: Look, store: RunStore) -> bool:
    """Whether the file of a plan exists."""
    return (store.folder / "studies" / look.study / FILE).exists()


def other_plan_sentence(look: Look, store: RunStore, variants: int) -> str:
    """Returns what the report says about the plan of another study that covers some of its `variants`."""
    known = _read(store.folder / "studies" / look.study / FILE)
    there = known is not None and known[1] == look.content
    said = known[0].hypothesis if known and there else f"its {FILE} is missing or was changed"
    return (
        f"Plan of {look.when[:10]} for {look.study} (sha256 {look.content[:12]}): {said}. It covers {variants} of these variants "
        f"and holds here, too: {counted(look.planned, 'look')} at p < {LEVEL / look.planned**0.5:.3g}."
    )


def plan_sentence(record: StudyRecord, store: RunStore, late: bool = False) -> str:
    """Returns what the report says about the plan: kept, or in what it was not; "" without a plan.

    `late` says that a table of the same comparison was seen before the plan was written.
    """
    known = read_plan(record, store)
    if known is None:
        return ""
    plan, digest = known
    lines = [look for _, look in looks(store) if look.kind == PLAN and look.study == record.id]
    if not any(look.content == digest for look in lines):
        return f"Plan: not the one that was written before training (its hash {digest[:12]} is not in looks.jsonl)."
    place = "written after these variants were compared on some of these speakers" if late else "written before the first table"
    begun = f"Plan of {lines[0].when[:10]}, {place} (sha256 {digest[:12]}): {plan.hypothesis}."
    shown = planned_as(record, PlanAsked(plan.hypothesis, plan.looks))
    broken = broken_parts(plan, shown)
    return f"{begun} Not kept: {'; '.join(broken)}." if broken else f"{begun} Kept: {_kept(plan)}."


def broken_parts(plan: StudyPlan, shown: StudyPlan) -> list[str]:
    """Returns in what a study differs from its plan. With several looks, seeds may be added."""
    added = plan.looks > 1 and shown.seeds >= plan.seeds
    return [
        f"{name} {_worded(getattr(shown, name))} instead of {_worded(getattr(plan, name))}"
        for name in ("variants", "baseline", "metrics", "margin", "folds", "seeds")
        if getattr(shown, name) != getattr(plan, name) and not (name == "seeds" and added)
    ]


def _kept(plan: StudyPlan) -> str:
    looks = f"{plan.looks} looks at p < {LEVEL / plan.looks**0.5:.3g} each" if plan.looks > 1 else "one look"
    seeds = counted(plan.seeds, "seed") + " at first" * (plan.looks > 1)
    return f"{_worded(plan.metrics)}, margin {plan.margin:g}, {counted(plan.folds, 'fold')}, {seeds}, {looks}"


def _worded(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
