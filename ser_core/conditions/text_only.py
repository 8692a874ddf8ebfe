"""Text only: the speech is hidden from a model that was trained with it."""

from collections.abc import Collection

from ser_core.conditions.condition import Condition


class TextOnly(Condition):
    """Without the speech."""

    @property
    def hides(self) -> str:
        return "speech"

    def check(self, channels: Collection[str]) -> None:
        self.takes_no_value()
        self.needs("text", channels)
        self.needs("speech", channels)
