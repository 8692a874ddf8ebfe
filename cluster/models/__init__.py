"""Models to take away: train on everyone, export, predict, evaluate, serve."""
