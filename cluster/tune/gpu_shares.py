"""Decides how much of a GPU each trial gets when trials share GPUs, from the memory that earlier folds used.

a fold's record --largest gpu_share so far--> 1, 1/2, 1/3, ... of a GPU          a whole GPU until the first measurement
"""

from cluster.tune.resources import Cluster
from ser_core.cross_validation.records import FoldKey, RunStore

ROOM = 1.15
"""Safety factor on the measured share, since folds differ in length."""


class GpuShares:
    """GPU shares for the trials of one study."""

    def __init__(self, cluster: Cluster, store: RunStore) -> None:
        self.cluster, self.store, self.largest = cluster, store, 0.0

    def update(self, key: FoldKey) -> None:
        """Updates the largest measured share from a fold's record."""
        if self.cluster.share_gpus:
            self.largest = max(self.largest, self.store.load(key).spent.get("gpu_share", 0.0))

    def wait(self, running: int) -> bool:
        """Whether the next trial should wait because other trials run and none has measured its memory yet."""
        return self.cluster.share_gpus and not self.largest and running > 0

    @property
    def gpus(self) -> float:
        """GPUs for the next trial."""
        if not self.cluster.share_gpus:
            return self.cluster.gpus_per_trial
        return share(self.largest)


def share(measured: float) -> float:
    """Returns the share 1/n of a GPU that holds the measured share of its memory with some room, at least 1/16.

    >>> [round(share(measured), 3) for measured in (0.0, 0.1, 0.3, 0.9, 0.001)]
    [1.0, 0.125, 0.5, 1.0, 0.062]
    """
    # Rounded down, so that this number of trials really fits. Nothing measured: one trial alone.
    together = int(1 / (ROOM * measured)) if measured else 1
    return 1 / min(max(together, 1), 16)
