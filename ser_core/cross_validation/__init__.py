"""Trains and scores every fold of a configuration, and keeps one record per fold."""
