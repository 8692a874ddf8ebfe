"""Chooses among the best of a search without looking at test data, and opens the test parts of the choice."""
