"""The cost of a search: what it spent and saved, summed over its records, and a projection for the rest.

study.json: folds the search trained itself    records: time and memory of each    -->    Spending, projected
"""

import dataclasses
import statistics

from cluster.search.budget import Budget
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import FoldKey, RunStore


@dataclasses.dataclass(frozen=True)
class Spending:
    """Cost of a search over all its runs, and the folds it saved."""

    trained: int
    """Folds that the search trained."""
    found: int
    """Folds that other studies had already trained."""
    seconds: float
    """Training time of the folds that the search trained."""
    gpu_seconds: float
    memory_gb: float
    """Peak memory of any of its folds, in GB."""
    pruned: int
    """Trials that the pruner ended."""
    spared: int
    """Folds that pruning saved."""
    repeats: int
    """Suggestions of this run that were already known."""

    def sentences(self) -> list[str]:
        """Returns the cost as sentences for the terminal."""
        gpu = f", {self.gpu_seconds:.0f} GPU-seconds" if self.gpu_seconds else ""
        return [
            f"spent: {self.trained} folds trained in all runs, {self.seconds:.0f} s{gpu}, at most {self.memory_gb:.2f} GB",
            f"saved: {self.found} folds already recorded, {self.spared} folds by pruning {self.pruned} trials, "
            f"{self.repeats} repeated suggestions",
        ]


def spending(record: StudyRecord, store: RunStore, repeats: int) -> Spending:
    """Sums the records of the study's folds."""
    own = {(name, fold) for name, folds in record.trained.items() for fold in folds}
    there = [key for key in record.keys if key in store]
    mine = [store.load(key) for key in there if (key.fingerprint, key.fold) in own]
    pruned = [name for name, ended in record.ended.items() if ended.pruned]
    return Spending(
        trained=len(mine),
        found=len(there) - len(mine),
        seconds=sum(fold.seconds for fold in mine),
        gpu_seconds=sum(fold.spent.get("gpu_seconds", 0.0) for fold in mine),
        memory_gb=max((fold.spent.get("memory_gb", 0.0) for fold in mine), default=0.0),
        pruned=len(pruned),
        spared=sum(key.fingerprint in pruned and key not in store for key in record.keys)
        - round(sum(ended.cost for ended in record.ended.values())),
        repeats=repeats,
    )


def projected(record: StudyRecord, store: RunStore, budget: Budget, folds: list[FoldKey], workers: int) -> str:
    """Projects the maximum cost of the search from the time of its recorded folds, or of any fold of the same split.

    `folds` are the folds of one trial. Returns an explanation when nothing is recorded yet.
    """
    own = [key for key in record.keys if key in store] or store.of_split(folds[0].split)
    if not own:
        return "no fold of this split is recorded yet; --dry-run shows the cost once the first folds are done"
    typical = statistics.median(store.load(key).seconds for key in own)
    bounds = [bound for bound in (budget.trials * len(folds), budget.folds) if bound]
    typical_time = f"a fold takes {typical:.1f} s (median of {len(own)} recorded)"
    if not bounds:
        ends = [f"{budget.hours:g} h"] * bool(budget.hours) + [f"{budget.gpu_hours:g} GPU-hours"] * bool(budget.gpu_hours)
        return f"{typical_time}; the search ends after {' or '.join(ends)}"
    left = max(0, min(bounds) - sum(map(len, record.trained.values())))
    hours = left * typical / 3600
    return f"{typical_time}: at most {left} more folds, {hours:.2f} h of training, {hours / workers:.2f} h with {workers} at once"
