"""A variant of a study: its name and the overrides that make it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    """One thing compared: a name for the table, and what it changes."""

    name: str
    overrides: tuple[str, ...] = ()
