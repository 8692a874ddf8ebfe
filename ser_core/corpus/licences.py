"""What a corpus requires of its users, in short, and whether a store has already shown it. Each reader states its own terms.

The summary is printed when a corpus is first used with a store. Only the agreement of the release itself is binding.
"""

import dataclasses
import hashlib
from pathlib import Path

from ser_core.content_hashes import write_atomically

FOLDER = "licences"


@dataclasses.dataclass(frozen=True)
class Terms:
    """The licence as cards and reports quote it, and its practical consequences."""

    licence: str = ""
    access: str = ""
    commercial: str = ""
    redistribution: str = ""
    citation: str = ""

    def text(self) -> str:
        """Returns the summary, one line per part; "" without a licence."""
        if not self.licence:
            return ""
        parts = dataclasses.asdict(self)
        return "\n".join(f"{name + ':':<16}{parts[name]}" for name in parts)


def first_use(corpus: str, terms: str, cache: Path) -> str | None:
    """Returns the terms on first use of a corpus with the store of this cache; None afterwards and without terms.

    The cache records which terms were shown. Changed terms, or those of another corpus with the same name, are shown again.
    """
    digest = hashlib.sha256(terms.encode()).hexdigest()[:8]
    shown = cache / FOLDER / f"{corpus}-{digest}.txt"
    if not terms or shown.is_file():
        return None
    shown.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(shown, terms)
    return terms
