"""Pruning for several objectives: a trial ends only when one finished trial is ahead of it by a margin in all of them.

for each finished trial: rule(own, [only that trial as incumbent], per objective)  --all stop-->  dominated
"""

from collections.abc import Sequence

import numpy as np

from cluster.search.pruners.futility import LEVEL, chance_to_end_above
from cluster.search.pruners.pruner import Pruner

Values = Sequence[Sequence[float]]
"""Scores of one trial [folds objectives]; more is better."""


def reason_to_stop(pruner: Pruner, own: Values, others: Sequence[Values], folds: int) -> str:
    """Returns the reason to end the trial, or "". With several objectives, a finished trial must dominate it by a margin."""
    if not own or len(own) >= folds or pruner.name == "none":
        return ""
    objectives = len(own[0])
    if objectives == 1:
        return pruner.stop([fold[0] for fold in own], [[fold[0] for fold in other] for other in others], folds)
    complete = np.asarray([other for other in others if len(other) == folds], float).reshape(-1, folds, objectives)
    mine = np.asarray(own, float)
    for finished in complete:
        chances = [chance_to_end_above(mine[:, each], finished[:, each], complete[:, :, each]) for each in range(objectives)]
        if max(chances) < LEVEL:
            return (
                f"behind one finished trial in all {objectives} objectives after {len(own)} of {folds} folds; "
                f"the chance of ending above it in any of them is at most {100 * max(chances):.1f} %"
            )
    return ""
