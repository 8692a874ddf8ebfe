"""How much of a GPU a trial is given where trials share them: as much as folds of the study have needed.

a fold's record --largest gpu_share so far--> 1, 1/2, 1/3, ... of a GPU          a whole one until something is measured
"""

from cluster.tune.resources import Cluster
from ser_core.cross_validation.records import FoldKey, RunStore

ROOM = 1.15
"""Times what was measured: folds differ in length."""


class GpuShares:
    """What the trials of a study are given."""

    def __init__(self, cluster: Cluster, store: RunStore) -> None:
        self.cluster, self.store, self.largest = cluster, store, 0.0

    def heard(self, key: FoldKey) -> None:
        """Takes account of a fold's record."""
        if self.cluster.share_gpus:
            self.largest = max(self.largest, self.store.load(key).spent.get("gpu_share", 0.0))

    def wait(self, running: int) -> bool:
        """Whether the next trial had better wait, beside so many, until one has shown what it takes."""
        return self.cluster.share_gpus and not self.largest and running > 0

    @property
    def gpus(self) -> float:
        """GPUs of the next trial."""
        if not self.cluster.share_gpus:
            return self.cluster.gpus_per_trial
        return share(self.largest)


def share(measured: float) -> float:
    """The part of a GPU that holds so much of its memory with some room, such that equal parts fill it.

    >>> [round(share(measured), 3) for measured in (0.0, 0.1, 0.3, 0.9, 0.001)]
    [1.0, 0.125, 0.5, 1.0, 0.062]
    """
    together = int(1 / (ROOM * measured)) if measured else 1
    return 1 / min(max(together, 1), 16)
