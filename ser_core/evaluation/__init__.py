"""Scores predictions: every task's metrics, the headline that chooses an epoch, and baselines to compare a model with."""
