"""Evolves a population toward the Pareto front of several objectives (NSGA-II, Deb et al. 2002, 10.1109/4235.996017)."""

from typing import TYPE_CHECKING

from cluster.search.samplers.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Nsga2(Sampler):
    """Genetic search for a Pareto front."""

    name = "nsga2"

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        """Builds the sampler with a population of a fifth of the trials, from 4 to 50, which gives about five generations."""
        import optuna

        return optuna.samplers.NSGAIISampler(seed=seed + known, population_size=min(50, max(4, trials // 5)))
