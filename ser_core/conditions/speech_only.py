"""Speech only: the text is hidden from a model that was trained with it."""

from collections.abc import Collection

from ser_core.conditions.condition import Condition


class SpeechOnly(Condition):
    """Without the text."""

    @property
    def hides(self) -> str:
        return "text"

    def check(self, channels: Collection[str]) -> None:
        self.takes_no_value()
        self.needs("speech", channels)
        self.needs("text", channels)
