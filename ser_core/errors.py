"""The errors a user can mend: each message names the thing and the remedy, and the command line prints it alone."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


class BridgeworkError(Exception):
    """Base of every error whose message is written for the user; anything else is a defect and shows its traceback."""


class SettingError(BridgeworkError, ValueError):
    """An override names an unknown key, an option not chosen, a wrong type or a value out of range."""


class CorpusError(BridgeworkError):
    """A corpus is missing, lacks a column, or holds rows that cannot be used."""


class AudioError(BridgeworkError):
    """A file is missing, empty, undecodable, silent, non-finite or too short; the message is the reason alone."""


class TrainingError(BridgeworkError):
    """A fold cannot be trained: a loss became non-finite, or the split leaves nothing to learn from."""


class FoldsError(TrainingError):
    """Some folds cannot be trained; the others are recorded. `folds` says of each why."""

    def __init__(self, folds: Mapping[int, str]) -> None:
        self.folds = dict(folds)
        first, *further = self.folds
        beside = f" (nor could {'fold' if len(further) == 1 else 'folds'} {', '.join(map(str, further))})" if further else ""
        super().__init__(f"fold {first} could not be trained: {self.folds[first]}{beside}")


class RecordError(BridgeworkError):
    """A record is missing, damaged, or was asked for by someone who may not read it."""


def nearest(word: str, words: Sequence[str] | Mapping[str, Any]) -> str:
    """A question that names the closest of `words`, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
