"""Modes: how an ablation treats all other settings when a variant changes one. Every table's caption names the mode."""

import dataclasses

from ser_core.errors import SettingError, nearest

MODES: dict[str, str] = {
    "fixed": "Mode fixed: all other settings stay the same.",
    "retuned": "Mode retuned: each variant had its own search with the same budget; the best by development score are compared.",
    "masked": "Mode masked: one full model is trained, and inputs that a variant lacks are hidden at test.",
}
"""Each mode with its sentence for the caption."""


@dataclasses.dataclass(frozen=True)
class Mode:
    """A mode with its settings."""

    name: str = "fixed"
    space: str = "optimiser"
    """Space to search for each variant; only for retuned."""
    trials: int = 8
    """Configurations to try per variant; only for retuned."""

    def __post_init__(self) -> None:
        if self.name not in MODES:
            raise SettingError(f"--mode {self.name}: no such mode{nearest(self.name, MODES)}; choose from {', '.join(MODES)}")
        if self.trials < 1:
            raise SettingError(f"--trials must be at least 1, got {self.trials}")

    @property
    def words(self) -> list[str]:
        """Command-line options that select this mode; empty for fixed."""
        search = ["--space", self.space, "--trials", str(self.trials)] if self.name == "retuned" else []
        return [] if self.name == "fixed" else ["--mode", self.name, *search]


def caption(question: str, mode: str) -> str:
    """Returns the question followed by the sentence of the mode.

    >>> caption("Does it help?", "fixed")
    'Does it help? Mode fixed: all other settings stay the same.'
    """
    return f"{question} {MODES[mode]}"
