"""From a corpus to one record per fold: everything a speech-emotion model needs, without Ray, Optuna or MLflow."""

EDITION = 8
"""Increased by one when a change outside all options (batches, heads, the training loop) changes what is trained. It is part of
every fold's name. A change inside one option increases that option's own `edition`."""
