"""From a corpus to one record per fold: everything a speech-emotion model needs, without Ray, Optuna or MLflow."""

PROGRAM = 7
"""Raised by one whenever a change of the code changes what a configuration trains; it is part of every fingerprint."""
