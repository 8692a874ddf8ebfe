"""A corpus of dialogues that tests of protocols split: two speakers to a session, as in acted dialogues."""

from typing import Any

import pandas as pd

from ser_core.corpus.corpus import Corpus, complete
from ser_core.folds import FOLDS, Folds, FoldsOption, make_folds
from ser_core.folds.dev import DEVELOPMENT

ROTATING = ("lospo", "loso", "kfold")
"""Protocols that take any corpus with sessions and test every utterance once."""


def corpus(utterances: list[int], place: str = "/here", **columns: Any) -> Corpus:
    """So many utterances of each speaker."""
    rows = [
        {"utterance": f"{speaker}-{number}", "speaker": str(speaker), "session": f"s{speaker // 2}", "emotion": "joy"}
        for speaker, count in enumerate(utterances)
        for number in range(count)
    ]
    table = complete(pd.DataFrame(rows).assign(file=[f"{place}/{row['utterance']}" for row in rows], **columns))
    return Corpus("made", table, ("joy",), (), "none", "made here")


def option(protocol: str, dev: str = "speakers", dev_knobs: dict[str, Any] | None = None, **knobs: Any) -> FoldsOption:
    """The protocol of that name with the development rule of that name."""
    return FOLDS[protocol](dev=DEVELOPMENT[dev](**(dev_knobs or {})), **knobs)


def split(made: Corpus, protocol: FoldsOption, audio_hash: str = "0") -> Folds:
    return make_folds(made, protocol, made.card(audio_hash))
