"""How the faults of one file are collected, so that you see all of them at once and not one per run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_core.errors import CorpusError

KINDS = 20
"""Maximum number of kinds of faults in one message."""
EXAMPLES = 3
"""Maximum number of rows that it names per kind."""
LONGEST = 60
"""Maximum number of characters that it quotes from a cell."""


class Faults:
    """The faults of one file, in the order found. `damaged` means that part of the file was not read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.damaged = False
        self.remedy = ""
        """One sentence that helps against several faults; it stands last and is not counted."""
        self._found: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, sentence: str) -> None:
        """Adds a fault of the file or of a column."""
        self._found.append(sentence)

    def add_rows(self, what: str, examples: Iterable[str], count: int) -> None:
        """Adds a fault of `count` rows, the first of which are in `examples`; does nothing for 0 rows."""
        if count:
            self._found.append(f"{what}: {listed(examples, count)}")

    def raise_any(self, whose: str = "") -> None:
        """Raises one CorpusError with all faults, prefixed with `whose`; does nothing without faults."""
        if len(self._found) == 1:
            raise CorpusError("; ".join(filter(None, [f"{whose}{self.file}: {self._found[0]}", self.remedy])))
        if self._found:
            lines = [f"  - {sentence}" for sentence in self._found[:KINDS]]
            more = [f"  and {len(self._found) - KINDS} more kinds"] if len(self._found) > KINDS else []
            raise CorpusError(
                "\n".join(
                    [f"{whose}{self.file} has {len(self._found)} kinds of fault:", *lines, *more, *filter(None, [self.remedy])]
                )
            )


def listed(examples: Iterable[str], count: int) -> str:
    """Lists the first few examples, and the number of others.

    >>> listed(["line 2", "line 3", "line 4", "line 5"], 7)
    'line 2, line 3, line 4 and 4 more'
    """
    shown = [example for example, _ in zip(examples, range(EXAMPLES), strict=False)]
    return ", ".join(shown) + (f" and {count - len(shown)} more" if count > len(shown) else "")


def quoted(cell: str) -> str:
    """Quotes a cell for a message, on one line and shortened if it is long.

    >>> quoted("a\\nb"), len(quoted("a" * 500))
    ("'a\\\\nb'", 65)
    """
    return repr(cell if len(cell) <= LONGEST else f"{cell[:LONGEST]}...")


def name_list(names: Sequence[str], most: int = 20) -> str:
    """Lists names of columns for a message, shortened if they are many or long."""
    written = [name if name.isprintable() else ascii(name)[1:-1] for name in map(str, names[:most])]
    shown = [name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in written]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
