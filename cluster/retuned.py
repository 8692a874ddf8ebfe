"""Retuned ablations: search the same space with the same budget for each variant, then compare the best of each.

variant --search by development score--> best settings --> variant with these settings --> the usual study
"""

import dataclasses
from collections.abc import Callable, Sequence

from ablations.modes import Mode
from ablations.study import Study, combine
from ablations.variant import Variant
from cluster.notices import plan_with_notices
from cluster.run_study import StudyResult, Watch
from cluster.search.budget import Budget
from cluster.search.run_search import Search, prepare_search, run_search
from cluster.search.scores import rank_trials
from cluster.tune.resources import Cluster
from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES
from ser_core.errors import RecordError


def retune(
    study: Study, base: Sequence[str], mode: Mode, cluster: Cluster, watch: Watch, on_result: Callable[[StudyResult], None]
) -> Study:
    """Returns the study with each variant at the best settings that its own search found. Test parts stay sealed.

    Raises RecordError when a search finds nothing with a score in every fold.
    """
    base_plan, _ = plan_with_notices(study.beneath(base))
    space = chosen_space(mode.space, SPACES)
    found = []
    for variant in study.variants(base_plan.config, base_plan.dataset.corpus):
        search = Search(Budget(trials=mode.trials))
        prepared = prepare_search(space, combine(base, variant), search, watch)
        finished = run_search(prepared, search, cluster, watch)
        on_result(finished)
        best, _ = rank_trials(prepared.source.scores, list(prepared.source.trials.values()))
        if finished.interrupted:
            raise KeyboardInterrupt
        if not best:
            raise RecordError(f"{prepared.record.id}: no trial of {variant.name} has a score in every fold, so none is best")
        own = set(prepared.record.base)
        tuned = [each for each in best[0][1].overrides if each not in own and not each.startswith("seed=")]
        found.append(Variant(variant.name, (*variant.overrides, *tuned)))
    note = f"Each variant has its own search: {mode.trials} configurations of the space {space.name}, scored with one seed."
    return dataclasses.replace(study, variants=lambda config, corpus: found, notes=(*study.notes, note))
