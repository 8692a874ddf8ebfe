"""What a search may spend, and how it is noticed that it is spent: trials, folds trained, GPU-hours, hours, failures.

    folds and GPU-hours so far, by this study in all its runs  ·  hours and failures of this run
A trial that is running when the budget is spent ends after its fold; with a larger budget the same command goes on from there.
"""

import dataclasses
import time

from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class Budget:
    """Upper bounds; 0 sets none."""

    trials: int = 0
    """Different configurations."""
    folds: int = 0
    """Folds that the study trains; those that are found recorded cost nothing."""
    hours: float = 0
    """Hours of this run."""
    failures: int = 0
    """Folds of this run that may fail."""
    gpu_hours: float = 0
    """GPU-hours of the folds that the study trains, as their records say."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise SettingError(f"--{option(field.name)} must be at least 0 (0 sets no bound), got {value}")
        if not (self.trials or self.folds or self.hours or self.gpu_hours):
            raise SettingError("a search needs an end: give --trials, --folds, --hours or --gpu-hours above 0")

    def spent(self, folds: int, hours: float, failures: int, gpu_hours: float = 0) -> str:
        """The sentence that says what is spent; empty while nothing is. Trials are counted where they are handed out."""
        if self.folds and folds >= self.folds:
            return f"the budget of {self.folds} folds is spent"
        if self.hours and hours >= self.hours:
            return f"the budget of {self.hours:g} hours is spent"
        if self.gpu_hours and gpu_hours >= self.gpu_hours:
            return f"the budget of {self.gpu_hours:g} GPU-hours is spent"
        if self.failures and failures >= self.failures:
            return f"{failures} folds failed, as many as --failures allows"
        return ""


def option(name: str) -> str:
    """A bound as it is called on the command line.

    >>> option("gpu_hours")
    'gpu-hours'
    """
    return name.replace("_", "-")


class Clock:
    """Hours since it was made."""

    def __init__(self) -> None:
        self.begun = time.monotonic()

    @property
    def hours(self) -> float:
        return (time.monotonic() - self.begun) / 3600
