"""Label schemes by name: which raw code of a corpus means which class. Other labels are dropped and counted."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

SCHEMES: dict[str, dict[str, str]] = {
    "iemocap4": {"ang": "anger", "exc": "happiness", "hap": "happiness", "neu": "neutral", "sad": "sadness"},
    "iemocap6": {
        "ang": "anger",
        "exc": "excitement",
        "fru": "frustration",
        "hap": "happiness",
        "neu": "neutral",
        "sad": "sadness",
    },
    "msp4": {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
    "msp8": {
        "A": "anger",
        "C": "contempt",
        "D": "disgust",
        "F": "fear",
        "H": "happiness",
        "N": "neutral",
        "S": "sadness",
        "U": "surprise",
    },
    "cremad6": {
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
    },
    "meld7": {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "joy": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    },
}
"""iemocap4 is the 5,531 utterances of most IEMOCAP work; msp8 is MSP-Podcast without Other and without agreement (X)."""

KEEP = ("labelled", "all")
"""Values of the setting `keep`: the utterances with a class in the scheme, or all, the others without emotion."""


def schemes_of(corpus: str) -> tuple[str, ...]:
    """Returns the names of the schemes of a corpus.

    >>> schemes_of("iemocap")
    ('iemocap4', 'iemocap6')
    """
    return tuple(name for name in SCHEMES if name.startswith(corpus))


def classes_of(scheme: str) -> tuple[str, ...]:
    """Returns the classes of a scheme in order of name.

    >>> classes_of("iemocap4")
    ('anger', 'happiness', 'neutral', 'sadness')
    """
    return tuple(sorted(set(SCHEMES[scheme].values())))


def label_rows(table: pd.DataFrame, scheme: str, keep: str = "labelled") -> tuple[pd.DataFrame, list[str]]:
    """Returns the rows with a `code` in the scheme and their `emotion`; notes on merged and dropped labels.

    With `keep` all, the other rows stay and have no emotion.
    """
    codes = SCHEMES[scheme]
    emotions = np.array([codes.get(code, "") for code in table["code"]], str)
    shared = Counter(codes.values())
    notes = [f"{' and '.join(c for c in codes if codes[c] == name)} are {name}" for name in shared if shared[name] > 1]
    others = Counter(code or "without label" for code in table["code"] if code not in codes)
    if others:
        counted = ", ".join(f"{count} {code}" for code, count in sorted(others.items()))
        notes.append(f"{counted} have no emotion" if keep == "all" else f"dropped {counted}")
    labels = table.assign(emotion=emotions)
    return labels if keep == "all" else labels.loc[emotions != ""], notes


def vote_shares(ballots: pd.DataFrame, scheme: str, utterances: Sequence[str]) -> np.ndarray:
    """Returns vote shares per class, [utterances, classes]; `ballots` has the columns utterance, code, weight.

    Votes for labels outside the scheme are left out and the rest is rescaled to 1; a row without any votes left is NaN.
    """
    rows = pd.Index(list(utterances)).get_indexer(ballots["utterance"].tolist())
    classes = classes_of(scheme)
    columns = np.array([classes.index(SCHEMES[scheme][code]) if code in SCHEMES[scheme] else -1 for code in ballots["code"]], int)
    cast = (rows >= 0) & (columns >= 0)
    sums = np.zeros((len(utterances), len(classes)))
    np.add.at(sums, (rows[cast], columns[cast]), ballots["weight"].to_numpy(float)[cast])
    totals = sums.sum(axis=1, keepdims=True)
    return sums / np.where(totals > 0, totals, np.nan)
