"""What every condition says: which channel it hides, or what it puts in a channel's place.

trained model -- hides --> a channel's steps are zero        corpus -- changes_speech, reads_text --> other features
"""

import dataclasses
from collections.abc import Collection

from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class Condition:
    """Base of the conditions; `entry` is how it was written."""

    entry: str

    @property
    def hides(self) -> str:
        """The channel that fusion and heads do not see; "" for none."""
        return ""

    @property
    def changes_speech(self) -> str:
        """The augmentation that the speech goes through, as NAME or NAME:VALUE; "" for none."""
        return ""

    @property
    def reads_text(self) -> str:
        """The column whose text is read in place of the corpus's own; "" for none."""
        return ""

    def check(self, channels: Collection[str]) -> None:
        """Raises SettingError where a model of these channels cannot be put under the condition."""
        raise NotImplementedError

    def needs(self, channel: str, channels: Collection[str]) -> None:
        """Raises SettingError unless the model reads the channel."""
        if channel not in channels:
            raise SettingError(
                f"conditions: {self.entry} needs the {channel} channel, and model.{channel}=none; "
                f"leave it out or choose model.{channel}"
            )

    def takes_no_value(self) -> None:
        """Raises SettingError for a value behind a colon."""
        name, colon, _ = self.entry.partition(":")
        if colon:
            raise SettingError(f"conditions: {name} takes no value, got {self.entry!r}")
