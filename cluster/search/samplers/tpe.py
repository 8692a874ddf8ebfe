"""Tree-structured Parzen estimator: samples where good trials are dense and poor ones are not (Bergstra et al. 2011, NeurIPS).

`multivariate` uses joint densities. `group` fits one for each set of parameters that occur together; without it, Optuna would
silently draw conditional parameters independently. `constant_liar` counts running trials as poor, so that workers spread out.
A study lives in memory, so a killed driver leaves no running trial behind to mislead it.
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
