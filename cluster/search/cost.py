"""What a search has cost and was spared, summed over its records, and what the rest will cost.

study.json says which folds it trained itself    records say what each took    -->    Spending, projected
"""

import dataclasses
import statistics

from cluster.search.budget import Budget
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import FoldKey, RunStore


@dataclasses.dataclass(frozen=True)
class Spending:
    """What a search has cost in all its runs, and what it was spared."""

    trained: int
    """Folds that it trained."""
    found: int
    """Folds that other studies had trained."""
    seconds: float
    """Of training, over the folds that it trained."""
    gpu_seconds: float
    memory_gb: float
    """Peak of any of its folds."""
    pruned: int
    """Trials ended by their scores."""
    spared: int
    """Folds that pruning did not train."""
    repeats: int
    """Suggestions of this run that were known."""

    def sentences(self) -> list[str]:
        """For people."""
        gpu = f", {self.gpu_seconds:.0f} GPU-seconds" if self.gpu_seconds else ""
        return [
            f"spent: {self.trained} folds trained in all runs, {self.seconds:.0f} s{gpu}, at most {self.memory_gb:.2f} GB",
            f"saved: {self.found} folds found recorded, {self.spared} folds by pruning {self.pruned} trials, "
            f"{self.repeats} repeated suggestions",
        ]


def spending(record: StudyRecord, store: RunStore, repeats: int) -> Spending:
    """Summed from the records of the study's folds."""
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
    """What the search will cost at most, by the seconds of its own recorded folds, or else of any fold of the same split.

    `folds` are those of one trial. Says so while nothing is recorded.
    """
    own = [key for key in record.keys if key in store] or store.of_split(folds[0].split)
    if not own:
        return "no fold of this split is recorded yet: after the first ones, --dry-run says what the rest will cost"
    typical = statistics.median(store.load(key).seconds for key in own)
    bounds = [bound for bound in (budget.trials * len(folds), budget.folds) if bound]
    said = f"a fold takes {typical:.1f} s (median of {len(own)} recorded)"
    if not bounds:
        ends = [f"{budget.hours:g} h"] * bool(budget.hours) + [f"{budget.gpu_hours:g} GPU-hours"] * bool(budget.gpu_hours)
        return f"{said}; the search ends after {' or '.join(ends)}"
    left = max(0, min(bounds) - sum(map(len, record.trained.values())))
    hours = left * typical / 3600
    return f"{said}: at most {left} folds more, {hours:.2f} h of training, {hours / workers:.2f} h with {workers} at once"
