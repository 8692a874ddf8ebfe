"""A section that a study adds to its report below the scores: a table, its notes, and a figure."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Section:
    """Text and numbers ready to print. Each renderer escapes them for its own syntax."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Cells as in tables.cells: a name, then numbers, each followed by a space and its interval."""
    notes: tuple[str, ...]
    drawing: str = ""
    """SVG text from figures.py; empty if there is no figure."""
    caption: str = ""
    on_terminal: bool = True
    """Whether to print it on the terminal too; otherwise it is only in the report."""
