"""Every pruner that `ser search` knows; adding one touches its file and this table."""

from cluster.search.pruners import asha, futility, median, none, wilcoxon
from cluster.search.pruners.pruner import Pruner
from ser_core.errors import SettingError, nearest

PRUNERS: dict[str, Pruner] = {
    each.name: each for each in (none.PRUNER, asha.PRUNER, futility.PRUNER, wilcoxon.PRUNER, median.PRUNER)
}


def chosen_pruner(name: str) -> Pruner:
    """The pruner of that name. Raises SettingError listing the others."""
    if name not in PRUNERS:
        raise SettingError(f"--pruning must be one of {', '.join(PRUNERS)}; got {name!r}{nearest(name, PRUNERS)}")
    return PRUNERS[name]
