"""Ablations: variants, statistics, tables and figures, all as pure functions of records."""
