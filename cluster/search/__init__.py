"""Searches with Optuna: samplers, pruners, budgets and the trials that several drivers share."""
