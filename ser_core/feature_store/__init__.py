"""Frozen encoder features on disk, named by content, extracted once and shared by all trials."""
