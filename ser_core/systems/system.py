"""What a published system is here: its parts with their overrides and what is known of each, its figures, its gaps.

Part(row, what the paper does, status, what is done here, overrides) ...  --all overrides in order-->  system=NAME
"""

import dataclasses
from collections.abc import Iterator

KNOWN, RECONSTRUCTION, DIFFERS = "known", "reconstruction", "differs here"
"""What a part can be: as the paper or its authors' code has it; a guess where they are silent; knowingly something else."""
STATUSES = (KNOWN, RECONSTRUCTION, DIFFERS)
ROWS = ("encoders", "refinement", "fusion", "tokens", "masking", "losses and weights", "stages", "optimiser")
"""What systems are compared by, in the order in which a batch meets it."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing that a system consists of."""

    row: str
    """Which of ROWS it belongs to."""
    paper: str
    """What the paper does, in few words; for a reconstruction, what it leaves open."""
    status: str
    """One of STATUSES."""
    here: str = ""
    """One sentence on what is done here instead; empty where the part is known."""
    overrides: tuple[str, ...] = ()
    """What the part sets."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A published score. UA (unweighted average recall), WA (accuracy) and WER in percent, CCC as it is."""

    metric: str
    value: float
    conditions: str
    """Model and task, as the paper's table has them."""
    sd: float = 0.0
    """Over the paper's seeds; 0 where none is printed."""

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g}" + f" ± {self.sd:g}" * (self.sd > 0)


@dataclasses.dataclass(frozen=True)
class System:
    """A published system. Encoders and protocol are data and no overrides: checkpoints are places, a corpus has its own folds."""

    name: str
    authors: str
    title: str
    """Empty where it is not at hand."""
    venue: str
    encoders: str
    """What the paper encodes with; here they are the user's choice, by model.speech and model.text."""
    channels: tuple[str, ...]
    """What it reads."""
    parts: tuple[Part, ...]
    protocol: str
    """How the paper tests."""
    folds: tuple[str, ...]
    """Overrides for a corpus that allows that protocol; suggested, never set by system=NAME."""
    published: tuple[Figure, ...]
    headline: str
    """The conditions of the figures that stand for the system."""
    corpus: str = "IEMOCAP, 4 classes"
    """What the figures were measured on."""
    unknown: tuple[str, ...] = ()
    """What could not be found out."""
    cautions: tuple[str, ...] = ()
    """What is wrong with the figures or with the released code."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What system=NAME sets, part by part."""
        return tuple(override for part in self.parts for override in part.overrides)

    @property
    def citation(self) -> str:
        return ", ".join(filter(None, (self.authors, f'"{self.title}"' if self.title else "", self.venue)))

    def departures(self, status: str) -> Iterator[str]:
        """What is done here, for every part of that status."""
        return (f"{part.row}: {part.here}" for part in self.parts if part.status == status)

    def figures(self, conditions: str) -> list[Figure]:
        return [figure for figure in self.published if figure.conditions == conditions]
