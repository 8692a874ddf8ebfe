"""Selects one configuration from a search: trains the best again, chooses one, then opens its test parts.

    search --top N by development score--> finalists x fresh seeds --run_study, sealed--> records --ablations.select--> chosen
    chosen, as given --test parts, opened and recorded--> "selected" study: table, report, selected.yaml, MLflow
Nested: each fold has a separate search, decided by its own development part, so no test speaker influences the choice.
"""

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ablations.select import Finalist, Selection, select
from cluster.run_study import StudyResult, Watch, make_trial, run_study
from cluster.search.objectives import Goal, Objective
from cluster.search.optuna_trials import trial_name
from cluster.search.run_search import Search, prepare_search, run_search
from cluster.search.scores import Scores, rank_trials
from cluster.study_record import StudyRecord, load_study, study_id
from cluster.trial import Trial
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import TrialQueue as Queue
from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES
from ser_core.config.compose import compose
from ser_core.cross_validation.records import FoldRecord, RunStore
from ser_core.errors import RecordError, SettingError

AS_GIVEN = "as given"
"""Name of the configuration that the search started from. The value of a selection is its gain over this one."""


@dataclasses.dataclass(frozen=True)
class SelectionSettings:
    """Settings of `ser select`."""

    study: str
    top: int = 5
    seeds: int = 3
    nested: bool = False

    def __post_init__(self) -> None:
        for name in ("top", "seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"--{name} must be at least 1, got {getattr(self, name)}")

    @property
    def command(self) -> str:
        """The command that runs this selection."""
        words = ["ser", "select", self.study, "--top", str(self.top), "--seeds", str(self.seeds)]
        return shlex.join([*words, "--nested"] if self.nested else words)


@dataclasses.dataclass(frozen=True)
class Finalists:
    """The finalists of a search, before they train again."""

    search: StudyRecord
    scores: Scores
    record: StudyRecord
    store: RunStore
    origin: Mapping[str, Trial]
    """Trial of the search for each finalist, without the configuration as given."""


def plan_finalists(asked: SelectionSettings, store: RunStore, watch: Watch) -> Finalists:
    """Plans the finalists of a search over all folds with new seeds. With several objectives, they come from the Pareto front.

    Raises RecordError when the search does not exist or when none of its trials is complete.
    """
    search = _search(asked, store)
    scores = Scores(store, Goal.read(search.searched["objectives"], search.searched["constraints"]))
    best, _ = rank_trials(scores, search.trials)
    if not best:
        raise RecordError(f"{search.id}: no trial has all its folds within the constraints; continue with: {search.command}")
    watch(0, 0, "preparing the finalists")
    origin = {f"{place}. of the search": trial for place, (_, trial) in enumerate(best[: asked.top], start=1)}
    seeds = fresh_seeds(search, asked.seeds)
    trials = [make_trial(AS_GIVEN, _placed(search.base, store), seed) for seed in seeds]
    given = trial_name(trials[0])
    for name, trial in origin.items():
        again = [make_trial(name, _placed(trial.overrides, store), seed) for seed in seeds]
        trials += again if trial_name(again[0]) != given else []
    question = f"Which of the best {len(origin)} of {search.id} is worth its size?"
    record = StudyRecord(
        id=study_id(f"select-{search.name.removeprefix('search-')}", [key for trial in trials for key in trial.keys]),
        kind="selection",
        name=f"select-{search.name.removeprefix('search-')}",
        question=question,
        primary=search.primary,
        base=search.base,
        trials=trials,
        command=asked.command,
        notes=search.notes,
    )
    return Finalists(search, scores, record, store, origin)


def train_finalists(found: Finalists, cluster: Cluster, watch: Watch) -> StudyResult:
    """Trains the missing folds of the finalists. Test parts stay sealed."""
    queue = Queue(found.record.trials, found.store, cluster.folds_per_trial)
    return run_study(found.record, found.store, cluster, queue, watch, show_test=False, total=len(found.record.keys))


def choose(found: Finalists) -> Selection:
    """Chooses among the trained finalists by the development score of the first objective."""
    objective, store = found.scores.goal.objectives[0], found.store
    records = {
        name: _records(found.record, name, store) for name in dict.fromkeys(trial.variant for trial in found.record.trials)
    }
    everyone = [each for rows in records.values() for row in rows for each in row]
    if any(not each.sizes["dev"] for each in everyone):
        raise RecordError(
            f"{found.record.id}: a fold has no development part, so nothing can be chosen; search with another folds.dev"
        )
    ratio = sum(each.sizes["dev"] / each.sizes["train"] for each in everyone) / len(everyone)
    finalists = [
        Finalist(
            name=name,
            values=np.array([[objective.sign * objective.of(each.dev) for each in row] for row in rows]),
            parameters=rows[0][0].sizes["parameters"],
            tasks=tasks_of(rows[0][0]),
        )
        for name, rows in records.items()
    ]
    return select(finalists, ratio, objective.name)


def fresh_score(found: Finalists, name: str, objective: str) -> float:
    """Returns a finalist's mean development score over new seeds and folds, in the metric's own direction; NaN if undefined."""
    values = [Objective(objective).of(each.dev) for row in _records(found.record, name, found.store) for each in row]
    return float(np.mean(values))


def search_score(found: Finalists, name: str, objective: str) -> float:
    """Returns the mean development score that the search saw; NaN for the configuration as given."""
    trial = found.origin.get(name)
    return float(np.mean([Objective(objective).of(found.store.load(key).dev) for key in trial.keys])) if trial else float("nan")


def tested_study(found: Finalists, selection: Selection, notes: Sequence[str]) -> StudyRecord:
    """Returns the study whose test parts are opened: the configuration as given and the chosen one, over the new seeds."""
    kept = [trial for trial in found.record.trials if trial.variant in (AS_GIVEN, selection.chosen)]
    name = found.record.name.replace("select-", "selected-", 1)
    return StudyRecord(
        id=study_id(name, [key for trial in kept for key in trial.keys]),
        kind="selected",
        name=name,
        question=f"How well does the choice of {found.record.id} do on speakers that did not influence it?",
        primary="uar",
        base=found.record.base,
        trials=kept,
        command=found.record.command,
        notes=(*notes, *found.record.notes),
    )


def nested_searches(
    asked: SelectionSettings, store: RunStore, cluster: Cluster, watch: Watch, on_result: Callable[[StudyResult], None]
) -> tuple[StudyRecord, list[Trial]]:
    """Repeats the search once per fold, decided only by the development part of that fold. Test parts stay sealed.

    Each of these searches uses the trial budget, sampler and seed of the full search, but no pruning. Together they train as
    many folds as the full search without pruning. Returns the full search and the chosen trial of each fold.
    """
    search = _search(asked, store)
    full = Search.read(search.searched)
    trials = full.budget.trials or len(search.trials)
    chosen = []
    for number in sorted({key.fold for trial in search.trials for key in trial.keys}):
        budget = dataclasses.replace(full.budget, trials=trials, folds=0, hours=0, gpu_hours=0)
        own = dataclasses.replace(full, budget=budget, pruning="none", start_from="", fold=number)
        prepared = prepare_search(
            chosen_space(search.name.removeprefix("search-"), SPACES), _placed(search.base, store), own, watch
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
    given = make_trial(AS_GIVEN, _placed(search.base, store), chosen[0].seed)
    procedure = Trial("chosen in each fold", chosen[0].seed, (), tuple(key for trial in chosen for key in trial.keys))
    name = f"nested-{search.name.removeprefix('search-')}"
    different = len({trial_name(trial) for trial in chosen})
    return StudyRecord(
        id=study_id(name, [*given.keys, *procedure.keys]),
        kind="selected",
        name=name,
        question=f"How well does a search such as {search.id} do on speakers that did not influence it?",
        primary="uar",
        base=search.base,
        trials=[given, procedure],
        command=asked.command,
        notes=(
            f"Nested: each fold has its own search, which sees only the development set of that fold. The {len(chosen)} folds "
            f"chose {different} different configurations. The table evaluates the procedure, not one configuration.",
            *search.notes,
        ),
    )


def run_given(nested: StudyRecord, store: RunStore, cluster: Cluster, watch: Watch) -> StudyResult:
    """Trains the missing folds of the configuration as given, for a nested study. Test parts stay sealed."""
    trials = [trial for trial in nested.trials if trial.variant == AS_GIVEN]
    record = dataclasses.replace(nested, id=f"{nested.id}-given", name=f"{nested.name}-given", kind="selection", trials=trials)
    queue = Queue(trials, store, cluster.folds_per_trial)
    return run_study(record, store, cluster, queue, watch, show_test=False, total=len(record.keys))


def fresh_seeds(search: StudyRecord, count: int) -> list[int]:
    """Returns `count` seeds that the search has not used, starting after its largest seed."""
    used = max(trial.seed for trial in search.trials)
    return list(range(used + 1, used + 1 + count))


def tasks_of(record: FoldRecord) -> int:
    """Returns the number of tasks with a weight above 0."""
    return sum(settings.get("weight", 0) > 0 for settings in record.config["tasks"].values() if isinstance(settings, dict))


def _search(asked: SelectionSettings, store: RunStore) -> StudyRecord:
    search = load_study(store, asked.study)
    if search.kind != "search" or not search.searched:
        what = "was made by an older version" if search.kind == "search" else f"is a study of kind {search.kind}"
        raise RecordError(f"{search.id} {what}; `ser select` needs a search: run `ser search` again")
    if search.searched.get("fold"):
        raise RecordError(f"{search.id} was judged by only one fold; select from a search over all folds")
    if not search.trials:
        raise RecordError(f"{search.id} has no trial yet; continue the search with: {search.command}")
    return search


def _records(study: StudyRecord, variant: str, store: RunStore) -> list[list[FoldRecord]]:
    """Returns the fold records of a variant, one row per seed."""
    return [[store.load(key) for key in trial.keys] for trial in study.trials if trial.variant == variant]


def _placed(overrides: Sequence[str], store: RunStore) -> list[str]:
    """Returns the overrides without a seed. Adds run.store if they would not lead to this store by themselves."""
    own = [override for override in overrides if not override.startswith(("seed=", "run.store="))]
    return own if RunStore(compose(own).run.store).folder == store.folder else [*own, f"run.store={store.folder}"]
