"""Degraded speech such as `noise:10`: an augmentation of every utterance, with a draw that depends only on the utterance."""

from collections.abc import Mapping

from ser_core.augment import augmentation
from ser_core.conditions.condition import Condition


class Degraded(Condition):
    """Speech after an augmentation."""

    @property
    def changes_speech(self) -> str:
        return self.entry

    def check(self, channels: Mapping[str, str]) -> None:
        augmentation(self.entry, "conditions")
        if "audio" not in channels.values():
            self.needs("speech", channels)
