"""Gaussian process with a Matern kernel and expected improvement: the fewest trials on few numbers, .8 s of thought per trial.

A parameter under a condition would be drawn outside of the process; such spaces are refused.
"""

from typing import TYPE_CHECKING

from cluster.search.samplers.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Gp(Sampler):
    """Gaussian process."""

    name = "gp"
    numbers_alone = True

    def build(self, seed: int, trials: int, known: int) -> "BaseSampler":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of a package that would make it faster
        return optuna.samplers.GPSampler(seed=seed + known, n_startup_trials=min(10, max(2, trials // 2)))
