"""Every point independently and uniformly: what other samplers have to beat, and what importance can be read from.

(importance and pruning statistics are unbiased over such points alone; Bergstra & Bengio 2012, JMLR 13)
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
