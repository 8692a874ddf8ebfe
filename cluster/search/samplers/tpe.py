"""Tree-structured Parzen estimator: points where good trials are dense and poor ones are not (Bergstra et al. 2011, NeurIPS).

multivariate: joint densities; group: one for each set of parameters asked together, since without it parameters under a condition
would be drawn independently and nobody told. constant_liar counts running trials as poor, so that workers spread; a study lives
in memory, and a killed driver leaves no running trial behind to mislead it.
"""

from typing import TYPE_CHECKING

from cluster.search.samplers.sampler import Sampler, without_experimental_warnings

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Tpe(Sampler):
    """Tree-structured Parzen estimator."""

    name = "tpe"

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        first = min(10, max(2, trials // 2))
        with without_experimental_warnings():
            return optuna.samplers.TPESampler(
                seed=seed + known, n_startup_trials=first, multivariate=True, group=True, constant_liar=True
            )
