"""What every condition defines: the channels it hides, or what replaces what channels are made from.

trained model -- hides --> a channel's steps are zero        corpus -- changes_speech, reads_text --> other features
"""

import dataclasses
from collections.abc import Mapping

from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class Condition:
    """Base of the conditions; `entry` is the entry as you wrote it."""

    entry: str

    def hides(self, channels: Mapping[str, str]) -> list[str]:
        """Returns which of a model's channels are hidden from fusion and heads; [] for none."""
        return []

    @property
    def changes_speech(self) -> str:
        """Returns the augmentation applied to the speech, as NAME or NAME:VALUE; "" for none."""
        return ""

    @property
    def reads_text(self) -> str:
        """Returns the column whose text replaces the corpus's own; "" for none."""
        return ""

    def check(self, channels: Mapping[str, str]) -> None:
        """Raises SettingError if a model with these channels cannot be tested under the condition.

        `channels` says what each channel is made from: audio, text or stored.
        """
        raise NotImplementedError

    def needs_another(self, channel: str, channels: Mapping[str, str]) -> None:
        """Raises SettingError unless the model reads another channel too."""
        if set(channels) == {channel}:
            # The channel that most models have besides this one.
            other = "text" if channel == "speech" else "speech"
            self.needs(other, channels)

    def needs(self, channel: str, channels: Mapping[str, str]) -> None:
        """Raises SettingError unless the model reads the channel."""
        if channel not in channels:
            raise SettingError(
                f"conditions: {self.entry} needs the {channel} channel, but model.{channel}=none; "
                f"remove it or choose model.{channel}"
            )

    def takes_no_value(self) -> None:
        """Raises SettingError for a value after a colon."""
        name, colon, _ = self.entry.partition(":")
        if colon:
            raise SettingError(f"conditions: {name} takes no value, got {self.entry!r}")
