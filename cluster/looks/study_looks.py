"""What a report says about looks: how often its test speakers were looked at before, and what this look costs the study.

records --tested_set--> ledger --earlier looks at these speakers--> sentences
                               --earlier looks at the same comparison (comparison.py), plans--> level and number of tests
A study that is extended after its table was seen gives chance another try. So the k-th look is judged at LEVEL / k^2, or, if a
plan allows K looks, each of them at LEVEL / sqrt(K). Both keep the error rate of all looks together below LEVEL
(ablations/statistics/look_rates.py).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ablations.outcomes import Outcome
from ablations.paired_study import LEVEL, MARGIN
from cluster.looks import sentences
from cluster.looks.comparison import Comparison, plans_of, settings_hash
from cluster.looks.ledger import PARTIAL, PLAN, TABLE, Look, add_look, has_shown, keep_set, looks, read_set, utc_now
from cluster.looks.plan_file import plan_line
from cluster.looks.tested_set import Tested, digest_of, digests_of, hash_tables, hash_tested, shortened
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import RunStore


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How a table is judged."""

    metrics: tuple[str, ...] = ()
    """Metrics of the verdicts."""
    margin: float = MARGIN
    """Smallest difference that matters."""
    usual: tuple[str, ...] = ()
    """Metrics that the study has by itself. A plan that names no metric means these."""


@dataclasses.dataclass(frozen=True)
class StudyLooks:
    """The look at a study's table, with what came before."""

    number: int
    """1 for the first table of these variants, 2 after it was extended once, ..."""
    level: float
    """Error rate at which this table is judged."""
    tests: int
    """Tests that Holm must count at least: those of this table, of earlier ones and of plans, each pair and metric once."""
    late_plan: bool
    """Whether the study's plan was written after the same comparison had been seen."""
    sentences: tuple[str, ...]


def look_at(record: StudyRecord, store: RunStore, outcomes: Sequence[Outcome], judged: Judgement | None = None) -> StudyLooks:
    """Records that the test scores of these outcomes are shown, and returns what the report must say about it.

    The same table shown again is not a further look. Judged by other metrics or another margin, it has a further line.
    """
    tested, folder = hash_tested(outcomes), record.folder(store)
    own = _look(record, outcomes, digest_of(tested))
    judged = judged or Judgement(margin=0.0)
    own = dataclasses.replace(own, metrics=judged.metrics, margin=judged.margin, unrecorded=has_shown(folder))
    return _looked(own, tested, store, folder, judged.usual)


def look_at_table(
    command: str, fingerprint: str, table: pd.DataFrame, store: RunStore, folder: Path, shown: bool
) -> tuple[str, ...]:
    """Records that the scores of one model on a table of predictions are shown, and returns what must be said about it.

    `shown` says whether the evaluation was there already.
    """
    tested = hash_tables([table])
    own = Look(TABLE, utc_now(), command, folder.name, {folder.name: [fingerprint]}, 1, digest_of(tested))
    return _looked(dataclasses.replace(own, unrecorded=shown), tested, store, folder).sentences


def _looked(own: Look, tested: Tested, store: RunStore, folder: Path, usual: Sequence[str] = ()) -> StudyLooks:
    """Adds a look, unless the same scores were judged alike before, and returns it with what came before."""
    known, digests = looks(store), digests_of(tested)
    place = next((place for place, (_, look) in enumerate(known) if _same(look, own, digests) and _alike(look, own)), len(known))
    if place == len(known):
        recorded = {look.study for _, look in known if look.kind != PLAN}
        own = dataclasses.replace(own, unrecorded=own.unrecorded and own.study not in recorded)
        known = add_look(store, own, folder, tested)
    else:
        name = known[place][1].tested
        keep_set(store, name, tested if name == own.tested else shortened(tested))
    first = next(place for place, (_, look) in enumerate(known) if _same(look, own, digests))
    before, comparison = [look for _, look in known[:first]], Comparison(own, tested, known, store)
    number = comparison.number(before)
    plans = [_filled(plan_line(plan, store), usual) for plan in plans_of(comparison, before)]
    level, planned = min([(level_of(number, plan.planned), plan.planned) for plan in plans] or [(level_of(number, 0), 0)])
    judged = comparison.judged(look for _, look in known[:place])
    tests = comparison.tests([*plans, *judged])
    late = [at for at, look in enumerate(before) if look.kind == PLAN and look.study == own.study]
    said = (
        sentences.before(comparison, before),
        sentences.judged_differently(own, plans, judged),
        sentences.look_number(number, planned, level),
        sentences.tests(own, tests),
        sentences.unreadable(comparison),
        sentences.lost(store, known),
        sentences.unrecorded(store, known),
        *(sentences.other_plan(comparison, plan, store) for plan in plans),
    )
    late_plan = any(comparison.number(before[:at]) > 1 for at in late)
    return StudyLooks(number, level, tests, late_plan, tuple(filter(None, said)))


def look_partly(record: StudyRecord, store: RunStore, outcomes: Sequence[Outcome]) -> None:
    """Records that test scores of a study that has not ended were shown, as the dashboard does."""
    if outcomes:
        tested = hash_tested(outcomes)
        _look_partly(_look(record, outcomes, digest_of(tested)), tested, store, record.folder(store))


def look_ahead(record: StudyRecord, store: RunStore, tests: pd.DataFrame) -> None:
    """Records that a dashboard is about to show test scores of a study in training. `tests` are all utterances to be tested."""
    tested = hash_tables([tests])
    configurations: dict[str, list[str]] = {}
    for trial in record.trials:
        configurations.setdefault(trial.variant, []).extend(dict.fromkeys(key.fingerprint for key in trial.keys))
    own = Look(TABLE, utc_now(), record.command, record.id, configurations, len(record.keys), digest_of(tested))
    _look_partly(own, tested, store, record.folder(store))


def _look_partly(own: Look, tested: Tested, store: RunStore, folder: Path) -> None:
    """Adds a look, unless a line of the same study covers it already."""
    utterances = {each for group in tested.values() for each in group}
    for _, look in looks(store):
        if look.kind != PLAN and look.study == own.study and own.fingerprints <= look.fingerprints:
            shown = read_set(store, look.tested) or {}
            if utterances <= set().union(*shown.values()):
                return
    add_look(store, dataclasses.replace(own, kind=PARTIAL), folder, tested)


def level_of(number: int, planned: int) -> float:
    """Returns the error rate of the verdicts at this look.

    >>> [round(level_of(number, planned), 4) for number, planned in ((1, 0), (2, 0), (3, 0), (1, 4), (4, 4), (5, 4))]
    [0.05, 0.0125, 0.0056, 0.025, 0.025, 0.002]
    """
    return LEVEL / planned**0.5 if number <= planned else LEVEL / number**2


def _filled(plan: Look, usual: Sequence[str]) -> Look:
    return plan if plan.metrics else dataclasses.replace(plan, metrics=tuple(usual))


def _look(record: StudyRecord, outcomes: Sequence[Outcome], digest: str) -> Look:
    configurations, settings = dict[str, list[str]](), dict[str, str]()
    for one in outcomes:
        fingerprint = one.record.key.fingerprint
        if fingerprint not in settings:
            settings[fingerprint] = settings_hash(one.record.config)
        if fingerprint not in configurations.setdefault(one.variant, []):
            configurations[one.variant].append(fingerprint)
    folds = len({one.record.key for one in outcomes})
    return Look(TABLE, utc_now(), record.command, record.id, configurations, folds, digest, settings=settings)


def _same(look: Look, own: Look, digests: Sequence[str]) -> bool:
    """Whether two looks show the same scores. `digests` are the hashes of this look's tested set."""
    scores = look.kind, look.folds, look.fingerprints
    return look.tested in digests and scores == (own.kind, own.folds, own.fingerprints)


def _alike(look: Look, own: Look) -> bool:
    """Whether two looks at the same scores judge them alike. A look that judges nothing is like every other one."""
    return not own.metrics or (sorted(look.metrics), look.margin) == (sorted(own.metrics), own.margin)
