"""Collects what is wrong with one file, so that a user sees all of it at once and not one fault per run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_core.errors import CorpusError

KINDS = 20
"""Most kinds of fault that one message lists."""
EXAMPLES = 3
"""Most rows that it names of each kind."""
LONGEST = 60
"""Most characters of a cell that a message quotes."""


class Faults:
    """The faults of one file, in the order in which they are found. `damaged` says that part of the file was not read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.damaged = False
        self._found: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, sentence: str) -> None:
        """A fault of the file or of a column."""
        self._found.append(sentence)

    def add_rows(self, what: str, examples: Iterable[str], count: int) -> None:
        """A fault of `count` rows, the first of which `examples` names; none where there are no such rows."""
        if count:
            self._found.append(f"{what}: {listed(examples, count)}")

    def raise_any(self, whose: str = "") -> None:
        """Raises one CorpusError with all of them, which begins with `whose`; does nothing where there are none."""
        if len(self._found) == 1:
            raise CorpusError(f"{whose}{self.file}: {self._found[0]}")
        if self._found:
            lines = [f"  - {sentence}" for sentence in self._found[:KINDS]]
            more = [f"  and {len(self._found) - KINDS} kinds more"] if len(self._found) > KINDS else []
            raise CorpusError("\n".join([f"{whose}{self.file} has {len(self._found)} kinds of fault:", *lines, *more]))


def listed(examples: Iterable[str], count: int) -> str:
    """The first few examples, and how many there are beyond.

    >>> listed(["line 2", "line 3", "line 4", "line 5"], 7)
    'line 2, line 3, line 4 and 4 more'
    """
    shown = [example for example, _ in zip(examples, range(EXAMPLES), strict=False)]
    return ", ".join(shown) + (f" and {count - len(shown)} more" if count > len(shown) else "")


def quoted(cell: str) -> str:
    """A cell for a message: in quotes, on one line, cut where it is long.

    >>> quoted("a\\nb"), len(quoted("a" * 500))
    ("'a\\\\nb'", 65)
    """
    return repr(cell if len(cell) <= LONGEST else f"{cell[:LONGEST]}...")


def name_list(names: Sequence[str], most: int = 20) -> str:
    """Names of columns for a message, cut where there are many or long ones."""
    written = [name if name.isprintable() else ascii(name)[1:-1] for name in map(str, names[:most])]
    shown = [name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in written]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
