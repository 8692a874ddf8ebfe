"""What a study may add to its report below the scores: a table of its own, what is needed to read it, and a drawing."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Section:
    """Words and numbers as they are printed; every renderer escapes them for its own syntax."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Cells as in tables.cells: a name, then numbers with their interval behind a space."""
    notes: tuple[str, ...]
    drawing: str = ""
    """SVG text, as figures.py makes it; empty without one."""
    caption: str = ""
    on_terminal: bool = True
    """Whether it is printed beside the table too, or stands in the report alone."""
