"""The table of samplers for `ser search`. To add one, write its file and add it here."""

from cluster.search.samplers.cmaes import CmaEs
from cluster.search.samplers.gp import Gp
from cluster.search.samplers.grid import Grid
from cluster.search.samplers.nsga2 import Nsga2
from cluster.search.samplers.qmc import Qmc
from cluster.search.samplers.random import Random
from cluster.search.samplers.sampler import Sampler
from cluster.search.samplers.tpe import Tpe
from ser_core.errors import SettingError, nearest

SAMPLERS: dict[str, Sampler] = {each.name: each for each in (Tpe(), Random(), Qmc(), Gp(), Nsga2(), CmaEs(), Grid())}


def chosen_sampler(name: str) -> Sampler:
    """Returns the sampler with this name. Raises SettingError that lists the valid names."""
    if name not in SAMPLERS:
        raise SettingError(f"--sampler must be one of {', '.join(SAMPLERS)}; got {name!r}{nearest(name, SAMPLERS)}")
    return SAMPLERS[name]
