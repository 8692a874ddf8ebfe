"""The store of a command without run.store or --store. A module without imports, so that every command can read it at once."""

DEFAULT_STORE = "bridgework"
"""Folder below the current one."""
