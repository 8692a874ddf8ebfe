"""Trains one model: the loop over stages, epochs and steps, its checkpoint, and its evaluation on the development set."""
