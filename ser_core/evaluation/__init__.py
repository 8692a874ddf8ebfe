"""Scores predictions: metrics, the columns they read, and the baselines a model is compared with."""
