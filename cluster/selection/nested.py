"""Nested selection: each fold has its own search, decided by its own development part, so no test speaker has a part in it.

    search of fold f --development part of fold f--> its best configuration --test part of fold f--> one value of the table
The table evaluates the procedure. It undersells the choice by all folds, since one development speaker decides less well.
"""

import dataclasses
from collections.abc import Callable, Sequence

from cluster.run_study import StudyResult, Watch, make_trial, run_study
from cluster.search.optuna_trials import trial_name
from cluster.search.run_search import Search, prepare_search, run_search
from cluster.search.scores import rank_trials
from cluster.selection.finalists import AS_GIVEN, given_overrides, placed, search_to_select_from
from cluster.selection.settings import SelectionSettings
from cluster.study_record import StudyRecord, studies, study_id
from cluster.trial import Trial
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import TrialQueue
from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError

NESTED = "chosen in each fold"
"""Name of the variant that tests each fold with the choice of its own search."""


def nested_searches(
    asked: SelectionSettings, store: RunStore, cluster: Cluster, watch: Watch, on_result: Callable[[StudyResult], None]
) -> tuple[StudyRecord, list[Trial]]:
    """Repeats the search once per fold, decided only by the development part of that fold. Test parts stay sealed.

    Each of these searches uses the trial budget, sampler and seed of the full search, but no pruning. Together they train as
    many folds as the full search without pruning. Returns the full search and the chosen trial of each fold.
    """
    search = search_to_select_from(asked, store)
    full = Search.read(search.searched)
    full = dataclasses.replace(full, objectives=(asked.prefer,)) if asked.prefer else full
    trials = full.budget.trials or len(search.trials)
    chosen = []
    for number in sorted({key.fold for trial in search.trials for key in trial.keys}):
        budget = dataclasses.replace(full.budget, trials=trials, folds=0, hours=0, gpu_hours=0)
        own = dataclasses.replace(full, budget=budget, pruning="none", start_from="", fold=number)
        prepared = prepare_search(
            chosen_space(search.name.removeprefix("search-"), SPACES), placed(search.base, store, search), own, watch
        )
        finished = run_search(prepared, own, cluster, watch)
        on_result(finished)
        if finished.interrupted:
            raise KeyboardInterrupt
        best, _ = rank_trials(prepared.source.scores, list(prepared.source.trials.values()))
        if not best:
            raise RecordError(f"{prepared.record.id}: no trial of fold {number} has a score; {len(finished.failures)} failed")
        chosen.append(best[0][1])
    return search, chosen


def nested_study(search: StudyRecord, asked: SelectionSettings, chosen: Sequence[Trial], store: RunStore) -> StudyRecord:
    """Returns the study whose test parts are opened: the choice of each fold in that fold, and the configuration as given."""
    given = make_trial(AS_GIVEN, given_overrides(search, store), chosen[0].seed)
    procedure = Trial(NESTED, chosen[0].seed, (), tuple(key for trial in chosen for key in trial.keys))
    name = f"nested-{search.name.removeprefix('search-')}"
    different = len({trial_name(trial) for trial in chosen})
    return StudyRecord(
        id=study_id(name, [*given.keys, *procedure.keys]),
        kind="selected",
        name=name,
        question=_question(search),
        primary=asked.prefer or "uar",
        base=search.base,
        trials=[given, procedure],
        command=asked.command,
        notes=(
            f"Nested: each fold has its own search, which sees only the development part of that fold. The {len(chosen)} folds "
            f"chose {different} different configuration{'s' * (different != 1)}. The table evaluates the procedure, not one "
            "configuration, and undersells the choice by all folds, since one development part decides less well than all.",
            *search.notes,
        ),
    )


def _question(search: StudyRecord) -> str:
    return f"How well does a search such as {search.id} do on speakers that had no part in it?"


def finished_nested_study(search: StudyRecord, asked: SelectionSettings, store: RunStore) -> StudyRecord | None:
    """Returns the latest complete nested selection of this search by the same metric, or None."""
    wanted = "selected", _question(search), asked.prefer or "uar"
    known = (study for study in studies(store) if (study.kind, study.question, study.primary) == wanted)
    return next((study for study in known if not study.missing(store)), None)


def run_given(nested: StudyRecord, store: RunStore, cluster: Cluster, watch: Watch) -> StudyResult:
    """Trains the missing folds of the configuration as given, for a nested study. Test parts stay sealed."""
    trials = [trial for trial in nested.trials if trial.variant == AS_GIVEN]
    record = dataclasses.replace(nested, id=f"{nested.id}-given", name=f"{nested.name}-given", kind="selection", trials=trials)
    queue = TrialQueue(trials, store, cluster.folds_per_trial)
    return run_study(record, store, cluster, queue, watch, show_test=False, total=len(record.keys))
