"""The table of pruners for `ser search`. To add one, write its file and add it here."""

from cluster.search.pruners import asha, futility, median, none, wilcoxon
from cluster.search.pruners.pruner import Pruner
from ser_core.errors import SettingError, nearest

PRUNERS: dict[str, Pruner] = {
    each.name: each for each in (none.PRUNER, asha.PRUNER, futility.PRUNER, wilcoxon.PRUNER, median.PRUNER)
}


def chosen_pruner(name: str) -> Pruner:
    """Returns the pruner with this name. Raises SettingError that lists the valid names."""
    if name not in PRUNERS:
        raise SettingError(f"--pruning must be one of {', '.join(PRUNERS)}; got {name!r}{nearest(name, PRUNERS)}")
    return PRUNERS[name]
