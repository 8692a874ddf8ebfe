"""Covariance matrix adaptation: a normal distribution that moves and stretches toward good points.

Hansen 2016, arXiv 1604.00772. Needs a space of unconditional numbers; pays off from about a hundred trials.
"""

from typing import TYPE_CHECKING

from cluster.search.samplers.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class CmaEs(Sampler):
    """Covariance matrix adaptation."""

    name = "cmaes"
    several_objectives = False
    numbers_alone = True

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        return optuna.samplers.CmaEsSampler(seed=seed + known, warn_independent_sampling=False)
