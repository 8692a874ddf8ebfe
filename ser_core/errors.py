"""The errors that you can fix: each message names the problem and the remedy, and the command line prints only the message."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


class BridgeworkError(Exception):
    """Base of every error with a message for the user. Any other exception is a bug and shows its traceback."""


class SettingError(BridgeworkError, ValueError):
    """An override with an unknown key, an option that is not chosen, a wrong type or a value out of range."""


class CorpusError(BridgeworkError):
    """A corpus that is missing, lacks a column, or has rows that cannot be used."""


class AudioError(BridgeworkError):
    """A file that is missing, empty, undecodable, silent, non-finite or too short. The message is only the reason."""


class TrainingError(BridgeworkError):
    """A fold that cannot be trained: a loss became non-finite, or the split leaves nothing to learn from."""


class FoldsError(TrainingError):
    """Some folds that cannot be trained; the others are recorded. `folds` holds the reason for each."""

    def __init__(self, folds: Mapping[int, str]) -> None:
        self.folds = dict(folds)
        first, *further = self.folds
        others = f" (nor could {'fold' if len(further) == 1 else 'folds'} {', '.join(map(str, further))})" if further else ""
        super().__init__(f"fold {first} could not be trained: {self.folds[first]}{others}")


class RecordError(BridgeworkError):
    """A record that is missing or damaged, or that the caller may not read."""


def nearest(word: str, words: Sequence[str] | Mapping[str, Any]) -> str:
    """Returns a question that suggests the closest of `words`, or ""."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
