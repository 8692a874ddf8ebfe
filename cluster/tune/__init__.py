"""Trains trials with Ray Tune: the session, the trainable, the queue that feeds it, and GPU shares."""
