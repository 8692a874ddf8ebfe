"""The sentences of a report about looks. Each function returns one, or "" when there is nothing to say."""

from collections.abc import Sequence

from ablations.paired_study import LEVEL
from ablations.report.cells import heading
from ablations.statistics.words import counted
from cluster.looks.comparison import Comparison
from cluster.looks.ledger import PARTIAL, PLAN, TABLE, Entry, Look, missing_lines, unrecorded_studies
from cluster.looks.plan_file import other_plan_sentence, plan_is_there
from ser_core.cross_validation.records import RunStore

NAMED = 3
"""How many earlier commands, or studies, a report names."""


def before(comparison: Comparison, earlier: Sequence[Look]) -> str:
    """Returns how often these test speakers were looked at before, in which configurations, and by which commands."""
    own, tested = comparison.own, comparison.tested
    # Scores that were shown while this study trained are those of this table.
    others = [look for look in earlier if look.kind != PLAN and not (look.kind == PARTIAL and _within(look, own))]
    found = [look for look in others if comparison.speakers(look)]
    if not found:
        return "Looks: no earlier table in this store shows test scores of these speakers."
    speakers = set[str]().union(*map(comparison.speakers, found))
    configurations = {one for look in found for one in look.fingerprints} - own.fingerprints
    commands = list(dict.fromkeys(f"`{look.command}` ({look.when[:10]})" for look in reversed(found)))
    more = f" and {len(commands) - NAMED} more" if len(commands) > NAMED else ""
    whom = f"{len(speakers)} of these {len(tested)} test speakers" if len(speakers) < len(tested) else "these test speakers"
    count = _tables(found)
    return (
        f"Looks: {counted(count, 'earlier table')} in this store show{'s' * (count == 1)} test scores of {whom}, in "
        f"{_configurations(len(configurations))}: {', '.join(commands[:NAMED])}{more}. "
        "Choosing among them by test score makes the best of them look too good."
    )


def _within(look: Look, own: Look) -> bool:
    return look.fingerprints <= own.fingerprints


def _tables(found: Sequence[Look]) -> int:
    """Counts tables: the same scores judged in two ways once, and what a dashboard showed only if no table followed."""
    tables = {(frozenset(look.fingerprints), look.tested) for look in found if look.kind == TABLE}
    studies = {look.study for look in found if look.kind == TABLE}
    return len(tables) + len({look.study for look in found if look.study not in studies})


def _configurations(others: int) -> str:
    if not others:
        return "no configuration other than those of this table"
    return f"{others} trained configuration{'s' * (others > 1)} that {'are' if others > 1 else 'is'} not in this table"


def judged_differently(own: Look, plans: Sequence[Look], judged: Sequence[Look]) -> str:
    """Returns that this table is judged by other metrics or another margin than was planned, or than at first."""
    first = next(iter([*plans, *judged]), own)
    if not own.metrics or (set(first.metrics), first.margin) == (set(own.metrics), own.margin):
        return ""
    than = "the plan" if first.kind == PLAN else "the first table"
    metrics = ", ".join(map(heading, first.metrics))
    return f"Judged differently from {than} ({metrics}; margin {100 * first.margin:g}): read this as exploratory."


def look_number(number: int, planned: int, level: float) -> str:
    """Returns which look this is, if there are several."""
    if number <= planned:
        more = f"This is look {number} of {planned} that the plan allows; each is judged at p < {level:.3g}."
        return more if planned > 1 else ""
    if number == 1:
        return ""
    return (
        f"These variants were compared before with other seeds, folds or utterances: this is look {number}. Each look gives "
        f"chance another try, so this one is judged at p < {level:.3g} instead of {LEVEL:g}."
    )


def tests(own: Look, count: int) -> str:
    """Returns that Holm counts more tests than this table has."""
    if count <= (len(own.configurations) - 1) * len(own.metrics) or not own.metrics:
        return ""
    return f"Holm counts {count} tests: those of this table, and those that earlier tables or plans of these variants judge."


def unreadable(comparison: Comparison) -> str:
    """Returns that tested sets of earlier looks are missing. Ask only after the looks were compared."""
    names = sorted(comparison.unreadable)
    if not names:
        return ""
    return (
        f"{counted(len(names), 'tested set')} of earlier looks {'is' if len(names) == 1 else 'are'} missing or changed "
        f"({_listed([f'looks/{name}.json' for name in names])}): these looks count as if they showed these speakers."
    )


def lost(store: RunStore, known: Sequence[Entry]) -> str:
    """Returns that lines of the ledger are missing."""
    if not (count := missing_lines(store, known)):
        return ""
    return (
        f"The ledger of looks lacks {counted(count, 'line')} that it once had (looks.jsonl was edited or cut): "
        "these speakers may have been looked at more often than it says."
    )


def unrecorded(store: RunStore, known: Sequence[Entry]) -> str:
    """Returns that studies have, or had, a report without a line."""
    if not (found := unrecorded_studies(store, known)):
        return ""
    studies = "1 study" if len(found) == 1 else f"{len(found)} studies"
    return (
        f"{studies} showed test scores without a line in the ledger of looks ({_listed(found)}): lines were deleted, or an "
        "earlier version of Bridgework wrote the report. These speakers may have been looked at more often than the ledger says."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def other_plan(comparison: Comparison, plan: Look, store: RunStore) -> str:
    """Returns that a plan covers this table although it is the plan of another study, or its file is gone."""
    if plan.study == comparison.own.study and plan_is_there(plan, store):
        return ""
    return other_plan_sentence(plan, store, len(comparison.shared(plan)))
