"""Pruning under several objectives: a trial ends only when one finished trial is ahead of it by a margin in all of them.

for each finished trial: rule(own, [that trial alone as incumbent], objective by objective)  --all say stop-->  dominated
"""

from collections.abc import Sequence

import numpy as np

from cluster.search.pruners.futility import LEVEL, chance_to_end_above
from cluster.search.pruners.pruner import Pruner

Values = Sequence[Sequence[float]]
"""[folds objectives] of one trial, more is better."""


def reason_to_stop(pruner: Pruner, own: Values, others: Sequence[Values], folds: int) -> str:
    """Why the trial is to end, or nothing. One objective: the pruner decides. Several: a trial must be dominated by a margin."""
    if not own or len(own) >= folds or pruner.name == "none":
        return ""
    objectives = len(own[0])
    if objectives == 1:
        return pruner.stop([fold[0] for fold in own], [[fold[0] for fold in other] for other in others], folds)
    whole = np.asarray([other for other in others if len(other) == folds], float).reshape(-1, folds, objectives)
    mine = np.asarray(own, float)
    for finished in whole:
        chances = [chance_to_end_above(mine[:, each], finished[:, each], whole[:, :, each]) for each in range(objectives)]
        if max(chances) < LEVEL:
            return (
                f"behind one finished trial in all {objectives} objectives after {len(own)} of {folds} folds; "
                f"the chance to end above it in any is at most {100 * max(chances):.1f} %"
            )
    return ""
