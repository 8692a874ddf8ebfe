"""Trains trials with Ray Tune: the session, the training loop, the queue that feeds it, and GPU shares."""
