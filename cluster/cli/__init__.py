"""The command line `ser`: one file per group of commands."""
