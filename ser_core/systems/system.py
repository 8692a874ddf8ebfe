"""What defines a published system: its parts with their overrides and how certain each is, its figures, its gaps.

Part(row, what the paper does, status, what is done here, overrides) ...  --all overrides in order-->  system=NAME
"""

import dataclasses
from collections.abc import Iterator

KNOWN, RECONSTRUCTION, DIFFERS = "known", "reconstruction", "differs here"
"""Status of a part: as in the paper or its authors' code; a guess where they are silent; or knowingly different."""
STATUSES = (KNOWN, RECONSTRUCTION, DIFFERS)
ROWS = ("encoders", "refinement", "fusion", "tokens", "masking", "losses and weights", "stages", "optimiser")
"""Rows for comparing systems, in the order in which a batch passes through them."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a system."""

    row: str
    """Its row among ROWS."""
    paper: str
    """What the paper does, in a few words; for a reconstruction, what it leaves open."""
    status: str
    """One of STATUSES."""
    here: str = ""
    """One sentence on what is done here instead; empty if the part is known."""
    overrides: tuple[str, ...] = ()
    """Overrides that the part sets."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A published score. UA (unweighted average recall), WA (accuracy), macro-F1 and WER in percent, CCC unscaled."""

    metric: str
    value: float
    conditions: str
    """Model and task, as in the paper's table."""
    sd: float = 0.0
    """Standard deviation over the paper's seeds; 0 if none is printed."""

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g}" + f" (sd {self.sd:g})" * (self.sd > 0)


@dataclasses.dataclass(frozen=True)
class System:
    """A published system. Encoders and protocol are data, not overrides: checkpoints are paths, a corpus has its own folds."""

    name: str
    authors: str
    title: str
    """Title; empty if unknown."""
    venue: str
    encoders: str
    """Encoders of the paper; here you choose them with model.speech and model.text."""
    channels: tuple[str, ...]
    """Channels that it reads."""
    parts: tuple[Part, ...]
    protocol: str
    """How the paper tests."""
    folds: tuple[str, ...]
    """Overrides for a corpus that allows that protocol. system=NAME sets them only with protocol=paper."""
    published: tuple[Figure, ...]
    headline: str
    """The conditions of the figures that represent the system."""
    corpus: str = "IEMOCAP, 4 classes"
    """Corpus of the figures."""
    unknown: tuple[str, ...] = ()
    """What is unknown."""
    cautions: tuple[str, ...] = ()
    """Problems with the figures or the released code."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """Returns what system=NAME sets, part by part."""
        return tuple(override for part in self.parts for override in part.overrides)

    @property
    def citation(self) -> str:
        return ", ".join(filter(None, (self.authors, f'"{self.title}"' if self.title else "", self.venue)))

    def departures(self, status: str) -> Iterator[str]:
        """Yields what is done here for every part with that status."""
        return (f"{part.row}: {part.here}" for part in self.parts if part.status == status)

    def figures(self, conditions: str) -> list[Figure]:
        return [figure for figure in self.published if figure.conditions == conditions]
