"""One channel less, such as `without_text`: it is hidden from a model that was trained with it."""

from collections.abc import Mapping

from ser_core.conditions.condition import Condition

PREFIX = "without_"


class Without(Condition):
    """Without the channel."""

    @property
    def hidden(self) -> str:
        """Returns the channel that is hidden."""
        return self.entry.removeprefix(PREFIX)

    def hides(self, channels: Mapping[str, str]) -> list[str]:
        return [self.hidden]

    def check(self, channels: Mapping[str, str]) -> None:
        self.takes_no_value()
        self.needs(self.hidden, channels)
        self.needs_another(self.hidden, channels)
