"""What readers of scores must know about a split, detected in the split itself: speakers or texts in two of its parts."""

import numpy as np

from ser_core.corpus.corpus import Corpus
from ser_core.folds.folds import Folds


def flags(corpus: Corpus, folds: Folds, refit: bool) -> list[str]:
    """Returns sentences for the protocol card; empty for folds without a caveat.

    `refit` says whether development utterances join the training of the tested model if the protocol lets them.
    """
    found = [corpus.why_unknown] if corpus.why_unknown else []
    found += [] if folds.develops else ["no development part: nothing was chosen, epochs were fixed"]
    pairs = {
        "training and test": [(fold.known if refit else fold.train, fold.test) for fold in folds.folds],
        "training and development": [(fold.train, fold.dev) for fold in folds.folds],
    }
    for column in ("speaker", "session"):
        values = corpus.column(column)
        for parts, rows in pairs.items():
            if shared := sum(_meet(values[one], values[other]) for one, other in rows):
                found.append(f"{column}s are in both {parts} in {shared} of {len(folds)} folds")
    return found


def _meet(values: np.ndarray, others: np.ndarray) -> bool:
    # Two utterances without a name do not share a speaker or session.
    return bool((set(values.tolist()) & set(others.tolist())) - {""})
