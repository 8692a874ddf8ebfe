"""Selects one configuration from a search, and says what to expect of it without having looked.

finalists x new seeds --run_study, sealed--> records --ablations.select--> chosen by all folds: the one to take away
                                                     --without the folds in which its test speakers develop--> per fold
the choice of each fold, in that fold --test parts, opened and recorded--> cross-fitted score: the one to report
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from ablations.report.cells import number
from ablations.select import Selection, cross_fitted, select
from cluster.search.objectives import HEADLINE
from cluster.selection.finalists import AS_GIVEN, Finalists
from cluster.selection.printed import metric_of, name_of
from cluster.study_record import StudyRecord, study_id
from cluster.trial import Trial
from ser_core.errors import RecordError

CROSS_FITTED = "cross-fitted choice"
"""Name of the variant that tests each fold with the choice made without its test speakers."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """The choice by all folds, and the choice for each fold."""

    selection: Selection
    per_fold: tuple[str, ...]
    """Finalist with which each fold is tested. Empty if some fold has no fold left to choose by."""
    note: str
    """Says how the tested configurations were chosen."""

    @property
    def chosen(self) -> str:
        """The configuration to take away."""
        return self.selection.chosen


def choose(found: Finalists) -> Choice:
    """Chooses among the trained finalists by the development score that decides, by all folds and for each fold."""
    everyone = [each for name in found.names for row in found.records(name) for each in row]
    if any(not each.sizes["dev"] for each in everyone):
        raise RecordError(
            f"{found.record.id}: a fold has no development part, so nothing can be chosen; search with another folds.dev"
        )
    ratio = sum(each.sizes["dev"] / each.sizes["train"] for each in everyone) / len(everyone)
    finalists, margin = {name: found.finalist(name) for name in found.names}, found.asked.margin
    show = functools.partial(number, metric=metric_of(found.decides.name))
    name = " (the mean of UAR and mean CCC)" if found.decides.name == HEADLINE else ""
    named = f"{name_of(found.decides.name)}{name}"
    selection = select([finalists[name] for name in found.own], ratio, named, margin, show)
    possible = all(found.kept)
    per_fold = cross_fitted(list(finalists.values()), found.kept, found.lists, ratio, margin) if possible else []
    return Choice(selection, tuple(per_fold), _note(found, selection.chosen, per_fold))


def _note(found: Finalists, chosen: str, per_fold: Sequence[str]) -> str:
    """Returns what is true about the tested configurations."""
    count = len(found.kept)
    empty = sum(not folds for folds in found.kept)
    if not per_fold:
        return (
            f"In {empty} of {count} folds every development part has speakers that this fold tests, so the choice cannot be "
            "cross-fitted. The test score below is that of the choice by all folds. It is too good, because the tested speakers "
            "had a part in the choice."
        )
    if all(len(folds) == count for folds in found.kept):
        return "No test speaker develops in any fold, so no speaker had a part in the choice that it tests."
    left = np.mean([count - len(folds) for folds in found.kept])
    same = sum(name == chosen for name in per_fold)
    different = len(set(per_fold))
    rest = (
        f" {found.left_out} configurations that single folds list were not trained again; their folds choose among the others."
        if found.left_out
        else ""
    )
    return (
        f"Cross-fitted: each fold is tested with the configuration that is chosen without the folds in which its test speakers "
        f"develop ({left:.2g} of {count} on average). The {count} folds choose {different} configuration"
        f"{'s' * (different != 1)}, in {same} of them the one you take away.{rest} The sampler and the pruner of the search saw "
        "all folds; `--nested` excludes that, too."
    )


def tested_study(found: Finalists, choice: Choice, notes: Sequence[str]) -> StudyRecord:
    """Returns the study whose test parts the table shows: the configuration as given and the cross-fitted choice."""
    trials = [trial for trial in found.record.trials if trial.variant == AS_GIVEN]
    tested = dict.fromkeys(choice.per_fold) or {choice.chosen: None}
    if list(tested) != [AS_GIVEN]:
        trials += _tested(found, choice)
    name = found.record.name.replace("select-", "selected-", 1)
    unseen = "speakers that had no part in it" if choice.per_fold else "speakers that had a part in it"
    return StudyRecord(
        id=study_id(name, [key for trial in [*trials, *chosen_trials(found, choice)] for key in trial.keys]),
        kind="selected",
        name=name,
        question=f"How well does the choice of {found.record.id} do on {unseen}?",
        primary=found.asked.prefer or "uar",
        base=found.record.base,
        trials=trials,
        command=found.record.command,
        notes=(*notes, choice.note, *found.record.notes),
    )


def _tested(found: Finalists, choice: Choice) -> list[Trial]:
    """Returns one trial per seed, with the fold of the configuration that each fold chooses."""
    if len(set(choice.per_fold)) <= 1:
        (name,) = set(choice.per_fold) or {choice.chosen}
        return [trial for trial in found.record.trials if trial.variant == name]
    by_seed: dict[int, dict[str, Trial]] = {}
    for trial in found.record.trials:
        by_seed.setdefault(trial.seed, {})[trial.variant] = trial
    return [
        Trial(CROSS_FITTED, seed, (), tuple(trials[name].keys[fold] for fold, name in enumerate(choice.per_fold)))
        for seed, trials in by_seed.items()
    ]


def chosen_trials(found: Finalists, choice: Choice) -> list[Trial]:
    """Returns the trials of the configuration to take away, one per seed."""
    return [trial for trial in found.record.trials if trial.variant == choice.chosen]
