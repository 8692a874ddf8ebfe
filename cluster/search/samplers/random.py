"""Independent uniform points: the baseline for other samplers, and the safest source for importance.

Only such points give unbiased statistics of importance and pruning (Bergstra & Bengio 2012, JMLR 13).
"""

from typing import TYPE_CHECKING

from cluster.search.samplers.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Random(Sampler):
    """Independent uniform points."""

    name = "random"

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        return optuna.samplers.RandomSampler(seed=seed + known)
