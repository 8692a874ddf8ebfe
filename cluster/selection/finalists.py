"""The finalists of a search: its best by development score, those of each fold, and the configuration as given.

    search --all folds--> its best N --\\
           --without the folds in which the test speakers of fold f develop--> the best N for fold f --> trained again, new seeds
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np

from ablations.select import Finalist, folds_without_tested
from cluster.run_study import StudyResult, Watch, make_trial, run_study
from cluster.search.objectives import Goal, Objective, front
from cluster.search.optuna_trials import trial_name
from cluster.search.scores import Scores, mean
from cluster.selection.inference_size import inference_parameters
from cluster.selection.settings import SelectionSettings
from cluster.study_record import StudyRecord, load_study, study_id
from cluster.trial import Trial, plan_once
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import TrialQueue
from search_spaces.spaces import SPACES
from ser_core.config.compose import compose
from ser_core.corpus.corpus import Corpus
from ser_core.cross_validation.records import FoldRecord, RunStore
from ser_core.errors import RecordError

AS_GIVEN = "as given"
"""Name of the configuration that the search started from. The value of a selection is its gain over this one."""
UAR, CCC = "uar", "mean(ccc)"
"""The two scores between which task weights trade."""


@dataclasses.dataclass(frozen=True)
class Finalists:
    """The finalists of a search, before they train again."""

    asked: SelectionSettings
    search: StudyRecord
    scores: Scores
    record: StudyRecord
    store: RunStore
    origin: Mapping[str, Trial]
    """Trial of the search for each finalist, without the configuration as given."""
    own: tuple[str, ...]
    """Finalists by all folds, best first, and the configuration as given. The choice is among them."""
    kept: tuple[tuple[int, ...], ...]
    """For each fold the folds, counted from 0, in which none of its test speakers develops."""
    lists: tuple[frozenset[str], ...]
    """For each fold the finalists by its kept folds, among which its cross-fitted choice is made."""
    left_out: int
    """Configurations on the list of some fold that are not trained again, because there would be too many."""

    _loaded: dict[str, list[list[FoldRecord]]] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """All finalists in the order of the record."""
        return list(dict.fromkeys(trial.variant for trial in self.record.trials))

    @property
    def decides(self) -> Objective:
        """The metric that decides."""
        return self.scores.goal.objectives[0]

    def records(self, name: str) -> list[list[FoldRecord]]:
        """Returns the fold records of a finalist, one row per seed. They must be complete."""
        if name not in self._loaded:
            trials = [trial for trial in self.record.trials if trial.variant == name]
            self._loaded[name] = [[self.store.load(key) for key in trial.keys] for trial in trials]
        return self._loaded[name]

    def values(self, name: str, metric: str) -> np.ndarray:
        """Returns development scores [seeds folds] with the new seeds, in the metric's own direction; NaN if undefined."""
        return np.array([[Objective(metric).of(each.dev) for each in row] for row in self.records(name)])

    def fresh_score(self, name: str, metric: str) -> float:
        """Returns a finalist's mean development score over new seeds and folds; NaN if undefined."""
        return float(self.values(name, metric).mean())

    def search_score(self, name: str, metric: str) -> float:
        """Returns the mean development score that the search saw; NaN for the configuration as given."""
        trial = self.origin.get(name)
        return float(np.mean([Objective(metric).of(self.store.load(key).dev) for key in trial.keys])) if trial else math.nan

    def finalist(self, name: str) -> Finalist:
        """Returns a finalist with the score that decides."""
        values = self.decides.sign * self.values(name, self.decides.name)
        return Finalist(name, values, inference_parameters(self.records(name)[0][0], [self.decides.name]))


def plan_finalists(asked: SelectionSettings, store: RunStore, watch: Watch) -> Finalists:
    """Plans the finalists of a search over all folds with new seeds. With several objectives, they come from the Pareto front.

    Raises RecordError when the search does not exist or when none of its trials is complete.
    """
    search = search_to_select_from(asked, store)
    objectives = [asked.prefer] if asked.prefer else search.searched["objectives"]
    scores = Scores(store, Goal.read(objectives, search.searched["constraints"]))
    complete = [trial for trial in search.trials if scores.means(trial) is not None and scores.allowed(trial)]
    if not complete:
        what = f"has {asked.prefer} in all its folds" if asked.prefer else "has all its folds within the constraints"
        raise RecordError(f"{search.id}: no trial {what}; continue with: {search.command}")
    watch(0, 0, "preparing the finalists")
    base = given_overrides(search, store)
    kept = folds_of_choices(base)
    ranked = _ranked(scores, complete, range(len(kept)))
    lists = [_ranked(scores, complete, folds)[: asked.top] if folds else [] for folds in kept]
    extra = _extra(ranked[: asked.top], lists, asked.top)
    shown = [*ranked[: asked.top], *extra, *_alternatives(scores, complete)]
    order = _ranked(scores, complete, range(len(kept)), everyone=True)
    names = {trial_name(trial): f"{order.index(trial) + 1}. of the search" for trial in shown}
    record, origin = _planned_record(asked, search, {names[trial_name(each)]: each for each in shown}, store)
    eligible = [frozenset({AS_GIVEN, *(names.get(trial_name(each), "") for each in one)} & {AS_GIVEN, *origin}) for one in lists]
    own = (*(name for each in ranked[: asked.top] if (name := names[trial_name(each)]) in origin), AS_GIVEN)
    missing = {trial_name(each) for one in lists for each in one} - set(names)
    return Finalists(asked, search, scores, record, store, origin, own, kept, tuple(eligible), len(missing))


def train_finalists(found: Finalists, cluster: Cluster, watch: Watch) -> StudyResult:
    """Trains the missing folds of the finalists. Test parts stay sealed."""
    queue = TrialQueue(found.record.trials, found.store, cluster.folds_per_trial)
    return run_study(found.record, found.store, cluster, queue, watch, show_test=False, total=len(found.record.keys))


def folds_of_choices(overrides: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Returns for each fold the folds in whose development part none of its test speakers and utterances is."""
    planned = plan_once(compose(overrides))
    corpus, folds = planned.dataset.corpus, planned.folds.folds
    developing, tested = ([_people(corpus, getattr(fold, part)) for fold in folds] for part in ("dev", "test"))
    return tuple(folds_without_tested(developing, tested))


def _people(corpus: Corpus, rows: np.ndarray) -> Collection[Hashable]:
    """Returns the speakers of these utterances, and the utterances themselves, since a speaker may be unknown."""
    return {*rows.tolist(), *(set(corpus.column("speaker")[rows].tolist()) - {""})}


def _ranked(scores: Scores, trials: Sequence[Trial], folds: Sequence[int], everyone: bool = False) -> list[Trial]:
    """Returns trials by their mean over these folds, best first. For several objectives the front comes first.

    Without `everyone`, trials behind the front are left out.
    """
    means = [mean([scores.first_folds(trial)[fold] for fold in folds]) for trial in trials]
    ahead = set(front(means)) if len(scores.goal.objectives) > 1 else set(range(len(trials)))
    places = sorted(range(len(trials)), key=lambda place: (place in ahead, means[place]), reverse=True)
    return [trials[place] for place in places if everyone or place in ahead]


def _extra(best: Sequence[Trial], lists: Sequence[Sequence[Trial]], most: int) -> list[Trial]:
    """Returns up to `most` trials that the folds list and that are not among the best, those on many lists first."""
    known = {trial_name(trial) for trial in best}
    counts = Counter(trial_name(trial) for one in lists for trial in one if trial_name(trial) not in known)
    by_name = {trial_name(trial): trial for one in lists for trial in one}
    return [by_name[name] for name, _ in counts.most_common(most)]


def _alternatives(scores: Scores, trials: Sequence[Trial]) -> list[Trial]:
    """Returns the best trial by UAR alone and the one by CCC alone; [] if a trial lacks one of the two."""
    tables = [Scores(scores.store, Goal((Objective(name),))) for name in (UAR, CCC)]
    means = [[table.means(trial) for trial in trials] for table in tables]
    if any(each is None for one in means for each in one):
        return []
    return [trials[max(range(len(trials)), key=lambda place: one[place] or ())] for one in means]


def _planned_record(
    asked: SelectionSettings, search: StudyRecord, shown: Mapping[str, Trial], store: RunStore
) -> tuple[StudyRecord, dict[str, Trial]]:
    """Returns the study that trains these trials again, and the trials by name without one that equals the base."""
    seeds = fresh_seeds(search, asked.seeds)
    trials = [make_trial(AS_GIVEN, given_overrides(search, store), seed) for seed in seeds]
    given, origin = trial_name(trials[0]), {}
    for name, trial in shown.items():
        again = [make_trial(name, placed(trial.overrides, store), seed) for seed in seeds]
        if trial_name(again[0]) != given:
            trials += again
            origin[name] = trial
    name = f"select-{search.name.removeprefix('search-')}"
    record = StudyRecord(
        id=study_id(name, [key for trial in trials for key in trial.keys]),
        kind="selection",
        name=name,
        question=f"Which of the best of {search.id} is worth its size?",
        primary=search.primary,
        base=search.base,
        trials=trials,
        command=asked.command,
        notes=search.notes,
    )
    return record, origin


def fresh_seeds(search: StudyRecord, count: int) -> list[int]:
    """Returns `count` seeds that the search has not used, starting after its largest seed."""
    used = max(trial.seed for trial in search.trials)
    return list(range(used + 1, used + 1 + count))


def search_to_select_from(asked: SelectionSettings, store: RunStore) -> StudyRecord:
    """Loads the search. Raises RecordError if nothing can be selected from it."""
    search = load_study(store, asked.study)
    if search.kind != "search" or not search.searched:
        what = "was made by an older version" if search.kind == "search" else f"is a study of kind {search.kind}"
        raise RecordError(f"{search.id} {what}; `ser select` needs a search: run `ser search` again")
    if search.searched.get("fold"):
        raise RecordError(f"{search.id} was judged by only one fold; select from a search over all folds")
    if not search.trials:
        raise RecordError(f"{search.id} has no trial yet; continue the search with: {search.command}")
    return search


def given_overrides(search: StudyRecord, store: RunStore) -> list[str]:
    """Returns the configuration as given: your overrides, on the system that the space sets, if it sets one.

    Your overrides may be settings of that system, and protocol=paper needs it.
    """
    own, system = placed(search.base, store, search), system_of(search)
    return [*own, *system]


def system_of(search: StudyRecord) -> tuple[str, ...]:
    """Returns the override by which the space of a search chooses a published system; () if it chooses none."""
    space = SPACES.get(search.name.removeprefix("search-"))
    return tuple(override for override in (space.fixed if space else ()) if override.startswith("system="))


def placed(overrides: Sequence[str], store: RunStore, search: StudyRecord | None = None) -> list[str]:
    """Returns the overrides without a seed. Adds run.store if they would not lead to this store by themselves.

    `search` is the search whose base these overrides are, if its space sets a system below them.
    """
    own = [override for override in overrides if not override.startswith(("seed=", "run.store="))]
    below = system_of(search) if search else ()
    return own if RunStore(compose([*own, *below]).run.store).folder == store.folder else [*own, f"run.store={store.folder}"]
