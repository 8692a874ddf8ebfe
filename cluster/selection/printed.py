"""How a selection prints the scores of a search: named and in the units of every other table.

uar --> UAR 28.75        headline --> headline 28.75, with one line that says what it is        mean(ccc) --> mean CCC .412
"""

import re
from collections.abc import Sequence

from ablations.report.cells import long_name
from cluster.search.objectives import HEADLINE

EXPLAINED = (
    "Headline: the mean of UAR and mean CCC, or the one of them that exists; it also chooses the epochs. In points, as UAR."
)


def metric_of(objective: str) -> str:
    """Returns the metric in whose units an objective is printed.

    >>> [metric_of(name) for name in ("headline", "mean(ccc)", "ccc.valence")]
    ['headline', 'ccc', 'ccc.valence']
    """
    kind = re.fullmatch(r"mean\((\w+)\)", objective)
    return kind[1] if kind else objective


def name_of(objective: str) -> str:
    """Returns the name of an objective in print.

    >>> [name_of(name) for name in ("headline", "mean(ccc)", "uar", "ccc.valence")]
    ['headline', 'mean CCC', 'UAR', 'CCC valence']
    """
    if objective == HEADLINE:
        return objective
    return f"mean {long_name(metric_of(objective))}" if metric_of(objective) != objective else long_name(objective)


def explained(objectives: Sequence[str]) -> tuple[str, ...]:
    """Returns the note that says what headline is, if it is one of these objectives."""
    return (EXPLAINED,) if HEADLINE in objectives else ()
