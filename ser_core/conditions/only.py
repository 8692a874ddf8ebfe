"""One channel only, such as `speech_only`: all others are hidden from a model that was trained with them."""

from collections.abc import Mapping

from ser_core.conditions.condition import Condition

SUFFIX = "_only"


class Only(Condition):
    """Without every other channel."""

    @property
    def shown(self) -> str:
        """Returns the channel that stays."""
        return self.entry.removesuffix(SUFFIX)

    def hides(self, channels: Mapping[str, str]) -> list[str]:
        return [name for name in channels if name != self.shown]

    def check(self, channels: Mapping[str, str]) -> None:
        self.takes_no_value()
        self.needs(self.shown, channels)
        self.needs_another(self.shown, channels)
