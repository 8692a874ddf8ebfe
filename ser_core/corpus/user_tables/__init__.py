"""Tables from users: one reader for all of them, for any encoding, separator or types."""

from ser_core.corpus.user_tables.user_table import UserTable, read_user_table

__all__ = ["UserTable", "read_user_table"]
