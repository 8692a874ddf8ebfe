"""Runs studies: Ray Tune schedules, Optuna proposes, MLflow shows, and `ser` is the command line."""
