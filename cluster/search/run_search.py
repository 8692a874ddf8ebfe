"""Runs a search of a space: its settings, its first points, and the trials that it trains.

space + overrides + Search --> OptunaTrials --> run_study --> records          only development scores decide
"""

import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.earlier_records import earlier_versions
from cluster.notices import plan_with_notices, print_deviations, print_notices
from cluster.run_study import StudyResult, Watch, make_trial, run_study
from cluster.search.budget import Budget, option
from cluster.search.cost import spending
from cluster.search.initial_points import starting_points
from cluster.search.objectives import HEADLINE, Goal
from cluster.search.optuna_trials import OptunaTrials, Past
from cluster.search.pruners import chosen_pruner
from cluster.search.pruners.pruner import Pruner
from cluster.search.samplers import chosen_sampler
from cluster.search.scores import Scores
from cluster.search.shared_study import SharedStudy, merge_into_record
from cluster.study_record import StudyRecord, find_study, study_id
from cluster.tune.resources import Cluster
from search_spaces.space import Space
from search_spaces.staged import within_reach
from ser_core.config.override_keys import expand
from ser_core.config.tree import GROUPS
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError

DEFAULT_PRUNING = "asha"
"""The best pruner in the table of `ser simulate` (ablations/RESULTS.md)."""
DEFAULT_PRUNING_OF_SEVERAL = "futility"
"""The only pruner for several objectives."""


@dataclasses.dataclass(frozen=True)
class Search:
    """How a space is searched. Changing anything except the budget and the starting points makes a different study."""

    budget: Budget
    sampler: str = "tpe"
    pruning: str = ""
    """Pruner; empty selects the default: asha, or futility for several objectives."""
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    seed: int = 0
    starts: tuple[str, ...] = ()
    """Points to try first, each a line of overrides."""
    start_from: str = ""
    """Study whose best trial is tried first."""
    prune_on: str = "folds"
    """When trials are judged: after folds, or after epochs of all folds as one program (optim.pack)."""
    fold: int = 0
    """The only fold to train and judge by; 0 uses all folds."""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Search":
        """Reads the search from a study's record."""
        several = {name: tuple(fields[name]) for name in ("objectives", "constraints", "starts")}
        return cls(**{**fields, **several, "budget": Budget(**fields["budget"])})

    @property
    def rule(self) -> str:
        """Name of the pruner."""
        return self.pruning or (DEFAULT_PRUNING_OF_SEVERAL if len(self.objectives) > 1 else DEFAULT_PRUNING)

    def words(self) -> list[str]:
        """Options of `ser search` that reproduce this search."""
        words = []
        for field in dataclasses.fields(Budget):
            if value := getattr(self.budget, field.name):
                words += [f"--{option(field.name)}", f"{value:g}"]
        words += ["--sampler", self.sampler, "--pruning", self.rule, "--seed", str(self.seed)]
        words += ["--fold", str(self.fold)] if self.fold else []
        words += ["--prune-on", self.prune_on] if self.prune_on != "folds" and self.rule != "none" else []
        words += [word for name in self.objectives for word in ("--objective", name)]
        words += [word for text in self.constraints for word in ("--constraint", text)]
        words += [word for start in self.starts for word in ("--start", start)]
        return [*words, *(["--start-from", self.start_from] if self.start_from else [])]


@dataclasses.dataclass(frozen=True)
class PreparedSearch:
    """A search that is ready to train."""

    record: StudyRecord
    store: RunStore
    source: OptunaTrials
    plan: Plan
    """Plan of the user's overrides: corpus and folds."""
    folds: int
    """Folds of one trial."""


def prepare_search(space: Space, base: Sequence[str], search: Search, watch: Watch, storage: str = "") -> PreparedSearch:
    """Reads the corpus and checks everything that can be checked before training.

    `storage` is the database that drivers share, from `check_storage`; "" for one driver. Raises SettingError and RecordError.
    """
    sampler, goal = chosen_sampler(search.sampler), Goal.read(search.objectives, search.constraints)
    watch(0, 0, "reading the corpus and its features")
    given = _joined(base, space.fixed, space)
    base_plan, notices = plan_with_notices(given)
    offered = base_plan.config.tasks.offered(base_plan.dataset.corpus, base_plan.dataset.channels)
    full_space, space = space, within_reach(space.reaching(base), base_plan.config).among("tasks", offered)
    narrowed = full_space.beyond(space)
    print_notices(narrowed)
    notes = (*notices, *narrowed, *print_deviations([given]))
    sampler.check(space, len(goal.objectives))
    pruner, folds = _pruner(search, goal, base_plan)
    seedless = [override for override in base if not override.startswith("seed=")]
    store = RunStore(base_plan.config.run.store)
    scores = Scores(store, goal)
    record = _record(space, base, search, base_plan, notes)
    print_notices(earlier_versions(record, store))
    known = find_study(store, record.id)
    if known:
        merge_into_record(record, known.trials, known.asked, known.ended, known.trained)
    source = OptunaTrials(
        space=space,
        make=lambda overrides: make_trial(
            " ".join(overrides), _joined(seedless, overrides, space), base_plan.config.seed, search.fold
        ),
        scores=scores,
        sampler=sampler,
        pruner=pruner,
        budget=search.budget,
        seed=search.seed,
        past=_past(known, store) if known else None,
        starts=starting_points(space, search.starts, search.start_from, scores),
        drivers=SharedStudy(storage, record, store) if storage else None,
        epochs=search.prune_on == "epochs" and search.rule != "none",
    )
    return PreparedSearch(record, store, source, base_plan, folds)


def _pruner(search: Search, goal: Goal, base_plan: Plan) -> tuple[Pruner, int]:
    """Returns the pruner and the folds of a trial. Raises SettingError when they do not fit the study."""
    if not base_plan.folds.develops:
        raise SettingError("a search decides by development scores, but folds.dev=none leaves none; choose another folds.dev")
    if not 0 <= search.fold <= len(base_plan.folds):
        raise SettingError(f"--fold must be 1 to {len(base_plan.folds)}, or 0 for all folds, got {search.fold}")
    if search.prune_on not in ("folds", "epochs"):
        raise SettingError(f"--prune-on must be folds or epochs, got {search.prune_on!r}")
    if not 0 <= search.seed < 2**31:
        raise SettingError(f"--seed must be 0 to {2**31 - 1}, got {search.seed}")
    epochs, folds = search.prune_on == "epochs", 1 if search.fold else len(base_plan.folds)
    if epochs and search.fold:
        raise SettingError("--prune-on epochs judges all folds at once; leave --fold out")
    if epochs and [objective.name for objective in goal.objectives] != [HEADLINE]:
        raise SettingError("--prune-on epochs judges by the score that selects epochs; leave --objective out")
    if epochs and base_plan.config.optim.pack < len(base_plan.folds):
        reason = base_plan.one_by_one or f"optim.pack={len(base_plan.folds)} does"
        raise SettingError(f"--prune-on epochs needs all {len(base_plan.folds)} folds to train as one program: {reason}")
    pruner = chosen_pruner(search.rule)
    pruner.check(folds, len(goal.objectives), epochs)
    return pruner, folds


def _past(known: StudyRecord, store: RunStore) -> Past:
    """Returns the state from earlier runs of the search."""
    return Past(known.asked, known.ended, known.trained, spending(known, store, 0).gpu_seconds / 3600)


def _record(space: Space, base: Sequence[str], search: Search, base_plan: Plan, notes: tuple[str, ...]) -> StudyRecord:
    """Returns the study record of the search before its first trial."""
    name = f"search-{space.name}" + (f"-fold-{search.fold:02d}" if search.fold else "")
    words = (*search.objectives, *search.constraints, *(["epochs"] if search.prune_on == "epochs" else []))
    aims = [re.sub(r"\W+", "_", word).strip("_") for word in words]
    return StudyRecord(
        id=study_id("-".join([name, search.sampler, search.rule, str(search.seed), *aims]), base_plan.keys),
        kind="search",
        name=name,
        question=space.question,
        primary=Goal.read(search.objectives, search.constraints).objectives[0].name,
        base=list(base),
        trials=[],
        command=shlex.join(["ser", "search", space.name, *base, *search.words()]),
        notes=notes,
        searched=dataclasses.asdict(search),
    )


def run_search(prepared: PreparedSearch, search: Search, cluster: Cluster, watch: Watch) -> StudyResult:
    """Runs the search by development score. Test parts stay sealed."""
    total = search.budget.trials * prepared.folds
    return run_study(prepared.record, prepared.store, cluster, prepared.source, watch, show_test=False, total=total)


def _joined(base: Sequence[str], overrides: Sequence[str], space: Space) -> list[str]:
    """Joins both lists. Raises SettingError when the base sets a key that the space sets."""
    own = {override.partition("=")[0] for override in expand(overrides, GROUPS)}
    for override in expand(base, GROUPS):
        if override.partition("=")[0] in own:
            raise SettingError(f"{override}: the space {space.name} already sets this key; leave the override out")
    return [*base, *overrides]
