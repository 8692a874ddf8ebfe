"""The budget of a search: upper limits on trials, trained folds, GPU-hours, hours and failures.

    folds and GPU-hours count over all runs of the study  ·  hours and failures count in this run
When the budget is spent, a running trial ends after its current fold. Repeat the command with a larger budget to continue.
"""

import dataclasses
import time

from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class Budget:
    """Upper limits; 0 sets no limit."""

    trials: int = 0
    """Number of different configurations."""
    folds: int = 0
    """Folds that the study trains. Folds already recorded cost nothing."""
    hours: float = 0
    """Duration of this run, in hours."""
    failures: int = 0
    """Folds that may fail in this run."""
    gpu_hours: float = 0
    """GPU-hours of the folds that the study trains, from their records."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise SettingError(f"--{option(field.name)} must be at least 0 (0 sets no limit), got {value}")
        if not (self.trials or self.folds or self.hours or self.gpu_hours):
            raise SettingError("a search needs a limit: set --trials, --folds, --hours or --gpu-hours above 0")

    def spent(self, folds: int, hours: float, failures: int, gpu_hours: float = 0) -> str:
        """Returns a sentence that names the spent limit, or "" if none is. `OptunaTrials` checks the limit on trials."""
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
    """Returns the name of a limit on the command line.

    >>> option("gpu_hours")
    'gpu-hours'
    """
    return name.replace("_", "-")


class Clock:
    """Measures the hours since it was created."""

    def __init__(self) -> None:
        # Monotonic: a change of the system clock does not move the end of the search.
        self.begun = time.monotonic()

    @property
    def hours(self) -> float:
        return (time.monotonic() - self.begun) / 3600
