"""What a report says about looks: how often its test speakers were looked at before, and what this look costs the study.

records --tested_set--> ledger --earlier looks at these speakers--> sentences
                               --earlier tables of these variants--> level of the verdicts
A study that is extended after its table was seen gives chance another try. So the k-th table is judged at LEVEL / k^2, or, if a
plan allows K looks, each of them at LEVEL / sqrt(K). Both keep the error rate of all looks together below LEVEL
(ablations/statistics/look_rates.py).
"""

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ablations.outcomes import Outcome
from ablations.paired_study import LEVEL
from cluster.looks.ledger import PARTIAL, PLAN, TABLE, Entry, Look, add_look, looks, missing_lines, read_set
from cluster.looks.tested_set import Tested, digest_of, hash_tables, hash_tested, shared_speakers
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import RunStore

NAMED = 3
"""How many earlier commands a report names."""


@dataclasses.dataclass(frozen=True)
class StudyLooks:
    """The look at a study's table, with what came before."""

    number: int
    """1 for the first table of these variants, 2 after it was extended once, ..."""
    level: float
    """Error rate at which this table is judged."""
    sentences: tuple[str, ...]


def look_at(record: StudyRecord, store: RunStore, outcomes: Sequence[Outcome], planned: int = 0) -> StudyLooks:
    """Records that the test scores of these outcomes are shown, and returns what the report must say about it.

    The same table shown again is not a further look. `planned` is the number of looks that a plan allows; 0 without a plan.
    """
    tested = hash_tested(outcomes)
    return _looked(_look(record, outcomes, digest_of(tested)), tested, store, record.folder(store), planned)


def look_at_table(command: str, fingerprint: str, table: pd.DataFrame, store: RunStore, folder: Path) -> tuple[str, ...]:
    """Records that the scores of one model on a table of predictions are shown, and returns what must be said about it."""
    tested = hash_tables([table])
    own = Look(TABLE, utc_now(), command, folder.name, {folder.name: [fingerprint]}, 1, digest_of(tested))
    return _looked(own, tested, store, folder).sentences


def _looked(own: Look, tested: Tested, store: RunStore, folder: Path, planned: int = 0) -> StudyLooks:
    """Adds a look, unless the same scores were shown before, and returns it with what came before."""
    known = looks(store)
    shown = next((place for place, (_, look) in enumerate(known) if _same(look, own)), len(known))
    if shown == len(known):
        known = add_look(store, own, folder, tested)
    before = [look for _, look in known[:shown]]
    number = look_number(own, before)
    lost = missing_lines(store, known)
    sentences = [_before_sentence(own, before, tested, store)]
    if number > 1:
        sentences.append(_extended_sentence(number, planned))
    if lost:
        sentences.append(
            f"The ledger of looks lacks {lost} line{'s' * (lost > 1)} that it once had (looks.jsonl was edited or cut): "
            "these speakers may have been looked at more often than it says."
        )
    return StudyLooks(number, level_of(number, planned), tuple(sentences))


def look_partly(record: StudyRecord, store: RunStore, outcomes: Sequence[Outcome]) -> None:
    """Records that test scores of a study that has not ended were shown, as the dashboard does."""
    tested = hash_tested(outcomes)
    own = dataclasses.replace(_look(record, outcomes, digest_of(tested)), kind=PARTIAL)
    if outcomes and not any(_same(look, own) for _, look in looks(store)):
        add_look(store, own, record.folder(store), tested)


def look_number(own: Look, before: Sequence[Look]) -> int:
    """Returns the number of this look: 1 plus the earlier tables that compared the same variants over fewer seeds."""
    seen = set()
    for look in before:
        shared = {name: frozenset(set(each) & look.fingerprints) for name, each in own.configurations.items()}
        compared = {name: each for name, each in shared.items() if each}
        grown = any(len(each) < len(own.configurations[name]) for name, each in compared.items())
        if look.kind == TABLE and look.tested == own.tested and len(compared) > 1 and grown:
            seen.add(tuple(sorted(compared.items(), key=lambda item: item[0])))
    return 1 + len(seen)


def level_of(number: int, planned: int) -> float:
    """Returns the error rate of the verdicts at this look.

    >>> [round(level_of(number, planned), 4) for number, planned in ((1, 0), (2, 0), (3, 0), (1, 4), (4, 4), (5, 4))]
    [0.05, 0.0125, 0.0056, 0.025, 0.025, 0.002]
    """
    return LEVEL / planned**0.5 if number <= planned else LEVEL / number**2


def earlier_tables(record: StudyRecord, known: Sequence[Entry]) -> list[Look]:
    """Returns the looks at tables of the study's variants, oldest first."""
    names = {key.fingerprint for key in record.keys}
    return [look for _, look in known if look.kind != PLAN and len(names & look.fingerprints) > 1]


def utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _look(record: StudyRecord, outcomes: Sequence[Outcome], digest: str) -> Look:
    configurations: dict[str, list[str]] = {}
    for one in outcomes:
        fingerprint = one.record.key.fingerprint
        if fingerprint not in configurations.setdefault(one.variant, []):
            configurations[one.variant].append(fingerprint)
    folds = len({one.record.key for one in outcomes})
    return Look(TABLE, utc_now(), record.command, record.id, configurations, folds, digest)


def _same(look: Look, own: Look) -> bool:
    """Whether two looks show the same scores."""
    mine, other = (sorted(each.fingerprints) for each in (own, look))
    return (look.kind, look.tested, look.folds, other) == (own.kind, own.tested, own.folds, mine)


def _before_sentence(own: Look, before: Sequence[Look], tested: Tested, store: RunStore) -> str:
    """Returns how often these test speakers were looked at before, in which configurations, and by which commands."""
    sets: dict[str, set[str]] = {}
    found: list[Look] = []
    speakers: set[str] = set()
    for look in before:
        # Scores that were shown while this study trained are those of this table.
        if look.kind != PLAN and not (look.kind == PARTIAL and look.fingerprints <= own.fingerprints):
            shared = sets.setdefault(look.tested, shared_speakers(tested, read_set(store, look.tested)))
            found += [look] if shared else []
            speakers |= shared
    if not found:
        return "Looks: no earlier table in this store shows test scores of these speakers."
    others = {one for look in found for one in look.fingerprints} - own.fingerprints
    commands = list(dict.fromkeys(f"`{look.command}` ({look.when[:10]})" for look in reversed(found)))
    more = f" and {len(commands) - NAMED} more" if len(commands) > NAMED else ""
    whom = f"{len(speakers)} of these {len(tested)} test speakers" if len(speakers) < len(tested) else "these test speakers"
    tables = f"{len(found)} earlier tables in this store show" if len(found) > 1 else "1 earlier table in this store shows"
    return (
        f"Looks: {tables} test scores of {whom}, in {_configurations(len(others))}: {', '.join(commands[:NAMED])}{more}. "
        "Choosing among them by test score makes the best of them look too good."
    )


def _configurations(others: int) -> str:
    if not others:
        return "no configuration other than those of this table"
    return f"{others} trained configuration{'s' * (others > 1)} that {'are' if others > 1 else 'is'} not in this table"


def _extended_sentence(number: int, planned: int) -> str:
    level = level_of(number, planned)
    if number <= planned:
        return f"This is look {number} of {planned} that the plan allows; each is judged at p < {level:.3g}."
    return (
        f"The study was extended after its table was seen: this is look {number}. Each look gives chance another try, so "
        f"this one is judged at p < {level:.3g} instead of {LEVEL:g}."
    )
