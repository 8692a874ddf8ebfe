"""What happens to all other settings when a variant changes one: the mode, which stands in the caption of every table."""

import dataclasses

from ser_core.errors import SettingError, nearest

MODES: dict[str, str] = {
    "fixed": "Mode fixed: all other settings stay as they are.",
    "retuned": "Mode retuned: each variant had a search of its own, of equal budget; the best by development score are compared.",
    "masked": "Mode masked: one model is trained whole, and what a variant lacks is hidden from it at test.",
}
"""Every mode with the sentence of the caption."""


@dataclasses.dataclass(frozen=True)
class Mode:
    """A mode with its settings."""

    name: str = "fixed"
    space: str = "optimiser"
    """What is searched for each variant; of retuned."""
    trials: int = 8
    """Configurations tried of each variant; of retuned."""

    def __post_init__(self) -> None:
        if self.name not in MODES:
            raise SettingError(
                f"--mode {self.name}: there is no such mode{nearest(self.name, MODES)}; there are {', '.join(MODES)}"
            )
        if self.trials < 1:
            raise SettingError(f"--trials must be at least 1, got {self.trials}")

    @property
    def words(self) -> list[str]:
        """What is typed to ask for it; nothing for fixed."""
        search = ["--space", self.space, "--trials", str(self.trials)] if self.name == "retuned" else []
        return [] if self.name == "fixed" else ["--mode", self.name, *search]


def caption(question: str, mode: str) -> str:
    """The question with the sentence of the mode.

    >>> caption("Does it help?", "fixed")
    'Does it help? Mode fixed: all other settings stay as they are.'
    """
    return f"{question} {MODES[mode]}"
