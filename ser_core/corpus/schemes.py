"""Label schemes by name: which raw code of a corpus stands for which class; other labels are dropped and counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

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


def schemes_of(corpus: str) -> tuple[str, ...]:
    """Names of the schemes of a corpus.

    >>> schemes_of("iemocap")
    ('iemocap4', 'iemocap6')
    """
    return tuple(name for name in SCHEMES if name.startswith(corpus))


def classes_of(scheme: str) -> tuple[str, ...]:
    """The classes of a scheme in the order of their names.

    >>> classes_of("iemocap4")
    ('anger', 'happiness', 'neutral', 'sadness')
    """
    return tuple(sorted(set(SCHEMES[scheme].values())))


def labelled(table: pd.DataFrame, scheme: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose `code` the scheme knows, with their `emotion`; what was merged and what was dropped, in words."""
    codes = SCHEMES[scheme]
    kept = table.assign(emotion=table["code"].map(codes).fillna(""))
    shared = Counter(codes.values())
    notes = [f"{' and '.join(c for c in codes if codes[c] == name)} are {name}" for name in shared if shared[name] > 1]
    dropped = Counter(code or "without label" for code in kept.loc[kept["emotion"] == "", "code"])
    if dropped:
        notes.append("dropped " + ", ".join(f"{count} {code}" for code, count in sorted(dropped.items())))
    return kept.loc[kept["emotion"] != ""], notes


def vote_shares(ballots: pd.DataFrame, scheme: str, utterances: Sequence[str]) -> np.ndarray:
    """Share of the votes for each class, [utterances, classes]; `ballots` has the columns utterance, code, weight.

    Votes for labels outside the scheme are left out and the rest rescaled to 1; a row that no vote is left for is NaN.
    """
    codes: Mapping[str, str] = SCHEMES[scheme]
    cast = ballots.assign(emotion=ballots["code"].map(codes)).dropna(subset=["emotion"])
    sums = cast.groupby(["utterance", "emotion"])["weight"].sum().unstack()
    sums = sums.reindex(index=list(utterances), columns=list(classes_of(scheme))).astype(float).fillna(0.0)
    totals = sums.sum(axis=1)
    return sums.div(totals.where(totals > 0), axis=0).to_numpy(float)
