"""Degraded speech, as `noise:10`: every utterance through an augmentation, whose draw follows from the utterance alone."""

from collections.abc import Collection

from ser_core.augment import augmentation
from ser_core.conditions.condition import Condition


class Degraded(Condition):
    """Speech through an augmentation."""

    @property
    def changes_speech(self) -> str:
        return self.entry

    def check(self, channels: Collection[str]) -> None:
        augmentation(self.entry, "conditions")
        self.needs("speech", channels)
