"""A variant of a study: its name and the overrides that make it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    """One variant: a name for the table, and its overrides."""

    name: str
    overrides: tuple[str, ...] = ()
