"""Settings of `ser select`."""

import dataclasses
import math
import shlex

from ablations.select import MARGIN
from cluster.search.objectives import Objective
from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class SelectionSettings:
    """What to select from, and how."""

    study: str
    top: int = 5
    """Number of the best configurations to train again, at least 1."""
    seeds: int = 3
    """New seeds per configuration, at least 1."""
    nested: bool = False
    """Whether to repeat the search inside each fold."""
    margin: float = MARGIN
    """Standard errors that a smaller model may be behind the best, at least 0; 0 takes the best."""
    prefer: str = ""
    """Development metric that decides; empty for the first objective of the search."""

    def __post_init__(self) -> None:
        for name in ("top", "seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.margin < math.inf:
            given = f"got {self.margin:g}; leave it out for {MARGIN:g}"
            raise SettingError(f"--margin is a number of standard errors, at least 0 (which takes the best), {given}")
        if self.prefer:
            # Looks up the metric now and not after the finalists are trained.
            try:
                _ = Objective(self.prefer).sign
            except SettingError as error:
                raise SettingError(str(error).replace("--objective", "--prefer", 1)) from None

    @property
    def command(self) -> str:
        """The command that runs this selection."""
        words = ["ser", "select", self.study, "--top", str(self.top), "--seeds", str(self.seeds)]
        words += ["--margin", f"{self.margin:g}"] if self.margin != MARGIN else []
        words += ["--prefer", self.prefer] if self.prefer else []
        return shlex.join([*words, "--nested"] if self.nested else words)
