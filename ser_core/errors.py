"""The errors a user can mend: each message names the thing and the remedy, and the command line prints it alone."""


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


class RecordError(BridgeworkError):
    """A record is missing, damaged, or was asked for by someone who may not read it."""
