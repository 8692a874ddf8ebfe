"""Brings records and checkpoints home from workers that do not share the driver's folder."""
