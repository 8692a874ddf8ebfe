"""Signed ranks of paired fold differences against the best finished trial (Wilcoxon 1945), one-sided at p < .1.

With n folds p cannot be below 2^-n: .125 after 3 folds, .0625 after 4. On 5 folds the rule could save at most one fold, so it
requires at least 10.
"""

from collections.abc import Sequence

import numpy as np

from cluster.search.pruners.pruner import Pruner, Scores, finished

LEVEL = 0.1
"""A trial ends when p is below this level."""


def stop(own: Scores, others: Sequence[Scores], folds: int) -> str:
    """Stops a trial when signed ranks put it below the best finished trial over the folds that both have."""
    from scipy.stats import wilcoxon

    done, complete = len(own), finished(others, folds)
    if done >= folds or not len(complete) or 0.5**done >= LEVEL:
        return ""
    differences = np.asarray(own) - complete[complete.mean(axis=1).argmax(), :done]
    if differences.mean() >= 0:
        return ""
    p = float(np.asarray(wilcoxon(differences, zero_method="zsplit", alternative="less"))[1])
    return f"below the best finished trial on the same {done} of {folds} folds (signed ranks, p = {p:.3f})" if p < LEVEL else ""


PRUNER = Pruner("wilcoxon", stop, least_folds=10)
