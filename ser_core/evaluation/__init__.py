"""Scores predictions: metrics, the columns they read, and the baselines for comparison with a model."""
