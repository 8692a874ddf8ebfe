"""Searching a space: what is asked for, where it starts, and what it has cost.

space + overrides + Search --> Proposed --> run_study --> records          decides by development scores alone
"""

import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.budget import Budget, option
from cluster.objectives import Goal
from cluster.proposed import Past, Proposed
from cluster.pruners import chosen_pruner
from cluster.resources import Cluster
from cluster.samplers import chosen_sampler
from cluster.scores import Scores
from cluster.spending import spending
from cluster.starts import starting_points
from cluster.study import Finished, Watch, make_trial, run_study
from cluster.study_record import StudyRecord, studies, study_id
from cluster.terms import plan_and_tell, tell_systems
from search_spaces.space import Space
from search_spaces.staged import within_reach
from ser_core.compose import compose
from ser_core.config import GROUPS
from ser_core.cross_validate import Plan
from ser_core.errors import SettingError
from ser_core.keys import expand
from ser_core.records import RunStore

DEFAULT_PRUNING = "asha"
"""Best of the table of `ser simulate` (README, Decisions)."""
DEFAULT_PRUNING_OF_SEVERAL = "futility"
"""The only rule for several objectives."""


@dataclasses.dataclass(frozen=True)
class Search:
    """How a space is searched; everything but the budget and the starts makes it another study."""

    budget: Budget
    sampler: str = "tpe"
    pruning: str = ""
    """Empty is the default: asha, or futility under several objectives."""
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    seed: int = 0
    starts: tuple[str, ...] = ()
    """Points by hand, each a line of overrides."""
    start_from: str = ""
    """A study whose best trial is asked for first."""
    fold: int = 0
    """The one fold that is trained and whose development part decides; 0 is all of them."""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Search":
        """From what a study's record says of it."""
        several = {name: tuple(fields[name]) for name in ("objectives", "constraints", "starts")}
        return cls(**{**fields, **several, "budget": Budget(**fields["budget"])})

    @property
    def rule(self) -> str:
        """The pruner's name."""
        return self.pruning or (DEFAULT_PRUNING_OF_SEVERAL if len(self.objectives) > 1 else DEFAULT_PRUNING)

    def words(self) -> list[str]:
        """The options of `ser search` that say this."""
        words = []
        for field in dataclasses.fields(Budget):
            if value := getattr(self.budget, field.name):
                words += [f"--{option(field.name)}", f"{value:g}"]
        words += ["--sampler", self.sampler, "--pruning", self.rule, "--seed", str(self.seed)]
        words += ["--fold", str(self.fold)] if self.fold else []
        words += [word for name in self.objectives for word in ("--objective", name)]
        words += [word for text in self.constraints for word in ("--constraint", text)]
        words += [word for start in self.starts for word in ("--start", start)]
        return [*words, *(["--start-from", self.start_from] if self.start_from else [])]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A search before anything is trained."""

    record: StudyRecord
    store: RunStore
    source: Proposed
    plan: Plan
    """Of the user's overrides: corpus and folds."""
    folds: int
    """Of one trial."""


def prepare(space: Space, base: Sequence[str], search: Search, watch: Watch) -> Prepared:
    """Reads the corpus and checks everything that can be known before training. Raises SettingError."""
    sampler, pruner = chosen_sampler(search.sampler), chosen_pruner(search.rule)
    goal = Goal.read(search.objectives, search.constraints)
    watch(0, 0, "reading the corpus and its features")
    whole = plan_and_tell(compose(_joined(base, space.fixed, space)))
    if not whole.folds.develops:
        raise SettingError("a search decides by development scores, and folds.dev=none has none; use another folds.dev")
    systems = tell_systems([_joined(base, space.fixed, space)])
    offered = whole.config.tasks.offered(whole.inputs.corpus, whole.inputs.channels)
    space = within_reach(space.reaching(base), whole.config).among("tasks", offered)
    sampler.check(space, len(goal.objectives))
    if not 0 <= search.fold <= len(whole.folds):
        raise SettingError(f"--fold must be 1 to {len(whole.folds)}, or 0 for all folds, got {search.fold}")
    folds = 1 if search.fold else len(whole.folds)
    pruner.check(folds, len(goal.objectives))
    seedless = [override for override in base if not override.startswith("seed=")]
    store = RunStore(whole.config.run.store)
    scores = Scores(store, goal)
    record = _record(space, base, search, whole, systems)
    known = next((study for study in studies(store) if study.id == record.id), None)
    source = Proposed(
        space=space,
        make=lambda overrides: make_trial(
            " ".join(overrides), _joined(seedless, overrides, space), whole.config.seed, search.fold
        ),
        scores=scores,
        sampler=sampler,
        pruner=pruner,
        budget=search.budget,
        seed=search.seed,
        past=_past(known, store) if known else None,
        starts=starting_points(space, search.starts, search.start_from, scores),
    )
    if known:
        record.trials.extend(known.trials)
        record.trained.update(known.trained)
    return Prepared(record, store, source, whole, folds)


def _past(known: StudyRecord, store: RunStore) -> Past:
    """What earlier runs of the search left."""
    return Past(known.asked, known.ended, known.trained, spending(known, store, 0).gpu_seconds / 3600)


def _record(space: Space, base: Sequence[str], search: Search, whole: Plan, systems: tuple[str, ...]) -> StudyRecord:
    """The search's study before its first trial."""
    name = f"search-{space.name}" + (f"-fold-{search.fold:02d}" if search.fold else "")
    aims = [re.sub(r"\W+", "_", word).strip("_") for word in (*search.objectives, *search.constraints)]
    return StudyRecord(
        id=study_id("-".join([name, search.sampler, search.rule, str(search.seed), *aims]), whole.keys),
        kind="search",
        name=name,
        question=space.question,
        primary=Goal.read(search.objectives, search.constraints).objectives[0].name,
        base=list(base),
        trials=[],
        command=shlex.join(["ser", "search", space.name, *base, *search.words()]),
        notes=systems,
        searched=dataclasses.asdict(search),
    )


def run_search(prepared: Prepared, search: Search, cluster: Cluster, watch: Watch) -> Finished:
    """Searches by development score alone. Test parts stay sealed."""
    total = search.budget.trials * prepared.folds
    return run_study(prepared.record, prepared.store, cluster, prepared.source, watch, show_test=False, total=total)


def _joined(base: Sequence[str], overrides: Sequence[str], space: Space) -> list[str]:
    """Both together. Raises SettingError when the base sets what the space does."""
    own = {override.partition("=")[0] for override in expand(overrides, GROUPS)}
    for override in expand(base, GROUPS):
        if override.partition("=")[0] in own:
            raise SettingError(f"{override}: the space {space.name} sets it itself; leave it out")
    return [*base, *overrides]
