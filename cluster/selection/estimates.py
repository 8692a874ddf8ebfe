"""The scores to expect from a choice, beside each other: by all folds (optimistic), cross-fitted (reported), nested (if run)."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ablations.outcomes import Outcome
from ablations.report.cells import half_width, number
from ablations.section import Section
from ablations.select import choice_interval
from ablations.statistics.corrected_t import Interval
from cluster.search.objectives import Objective
from cluster.selection.finalists import AS_GIVEN, Finalists
from cluster.selection.nested import NESTED, finished_nested_study
from cluster.selection.printed import explained, metric_of, name_of
from cluster.selection.run_selection import Choice, chosen_trials
from cluster.study_record import StudyRecord

NONE = "-"
UNCHANGED = "none"
"""Gain of a choice that is the configuration as given in every fold."""
BY_ALL = "chosen by all folds (optimistic)"
Tested = Mapping[tuple[int, int], Outcome]
"""Outcomes by seed and fold."""


def estimates_section(found: Finalists, choice: Choice, record: StudyRecord, metrics: Sequence[str]) -> Section:
    """Returns test scores and gains of the choice by each way to test it. Opens the test parts that it shows."""
    outcomes = record.outcomes(found.store)
    given = _by_pair(outcomes, AS_GIVEN)
    crossed = _by_pair(outcomes, next((trial.variant for trial in record.trials if trial.variant != AS_GIVEN), AS_GIVEN))
    unseen = all(len(folds) == len(found.kept) for folds in found.kept)
    rows = []
    if choice.per_fold:
        name = "chosen by all folds, tested on unseen speakers (reported)" if unseen else "cross-fitted (reported)"
        rows.append(_row(found, name, crossed, given, metrics, certain=True))
    if not choice.per_fold or not unseen:
        everywhere = dataclasses.replace(record, trials=chosen_trials(found, choice)).outcomes(found.store)
        rows.insert(0, _row(found, BY_ALL, _by_pair(everywhere, choice.chosen), given, metrics, certain=False))
    nested = finished_nested_study(found.search, found.asked, found.store)
    if nested:
        theirs = nested.outcomes(found.store)
        pairs = _by_pair(theirs, NESTED), _by_pair(theirs, AS_GIVEN)
        rows.append(_row(found, "nested: the search repeated in each fold", *pairs, metrics, certain=True))
    rows.append((AS_GIVEN, *_scores(found, given, metrics, certain=True), NONE))
    columns = ("Test part", *map(name_of, metrics), f"gain in {name_of(found.decides.name)}")
    return Section("What to expect of the choice", columns, tuple(rows), _notes(found, choice, rows, nested is not None))


def _notes(found: Finalists, choice: Choice, rows: Sequence[tuple[str, ...]], nested: bool) -> tuple[str, ...]:
    """Returns what the rows mean."""
    notes = []
    if choice.per_fold:
        notes.append(
            "± is half of the 95 % interval for new speakers, given this corpus to train on. It is narrower than in the table of "
            "scores, which also allows for another corpus."
        )
    if any(name == BY_ALL for name, *_ in rows):
        notes.append(
            f"{BY_ALL.capitalize()}: most of the tested speakers also develop in another fold, so their scores chose this "
            "configuration. Do not report it."
        )
    if any(cells[-1] == UNCHANGED for _, *cells in rows):
        notes.append(f"None: in every fold the choice is the configuration {AS_GIVEN}, so there is nothing to gain.")
    notes += explained([found.decides.name])
    if nested:
        notes.append(
            "Nested undersells the choice: each of its searches is decided by one development part only. It tests a search, not "
            f"the configuration {choice.chosen}."
        )
    elif choice.per_fold:
        notes.append(f"Nested was not run: `ser select {found.search.id} --nested` repeats the search inside each fold.")
    return tuple(notes)


def _by_pair(outcomes: Sequence[Outcome], variant: str) -> dict[tuple[int, int], Outcome]:
    return {(one.record.seed, one.record.key.fold): one for one in outcomes if one.variant == variant}


def _row(found: Finalists, name: str, tested: Tested, given: Tested, metrics: Sequence[str], certain: bool) -> tuple[str, ...]:
    """Returns a row: scores, and the gain over the configuration as given in the metric that decides."""
    metric = found.decides
    gains = {
        pair: metric.sign * (metric.of(one.test.metrics) - metric.of(given[pair].test.metrics)) for pair, one in tested.items()
    }
    same = all(one.record.key == given[pair].record.key for pair, one in tested.items())
    gain = UNCHANGED if same else _cell(_interval(gains, tested), metric.name, certain, "+")
    return (name, *_scores(found, tested, metrics, certain), gain)


def _scores(found: Finalists, tested: Tested, metrics: Sequence[str], certain: bool) -> list[str]:
    values = [{pair: Objective(metric).of(one.test.metrics) for pair, one in tested.items()} for metric in metrics]
    return [_cell(_interval(each, tested), metric, certain) for each, metric in zip(values, metrics, strict=True)]


def _interval(values: Mapping[tuple[int, int], float], tested: Tested) -> Interval:
    """Returns mean and interval over folds, seeds averaged within each. Folds without a value are left out."""
    folds: dict[int, list[float]] = {}
    for (_, fold), value in values.items():
        if math.isfinite(value):
            folds.setdefault(fold, []).append(value)
    ratio = np.mean([one.record.sizes["test"] / one.taught for one in tested.values()])
    return choice_interval([float(np.mean(each)) for each in folds.values()], float(ratio)) if folds else Interval()


def _cell(one: Interval, objective: str, certain: bool, sign: str = "") -> str:
    if math.isnan(one.value):
        return NONE
    metric = metric_of(objective)
    return half_width(one, metric, sign) if certain else number(one.value, metric, sign)
