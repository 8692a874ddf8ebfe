"""The encoders of a second speech channel: those of the first, under the key model.speech2.

A configuration tree needs one class per place, because messages name the key. The stored features of both are the same.
"""

import dataclasses
from typing import ClassVar

from ser_core.encoders.logmel import LogMel
from ser_core.encoders.speech import SpeechCheckpoint


@dataclasses.dataclass(frozen=True)
class SecondLogMel(LogMel):
    """Log energies of mel bands in 25 ms windows every 10 ms, without a checkpoint, as a second speech channel."""

    key: ClassVar[str] = "model.speech2"


@dataclasses.dataclass(frozen=True)
class SecondSpeechCheckpoint(SpeechCheckpoint):
    """A pre-trained speech encoder as a second speech channel, frozen or with trained upper layers."""

    key: ClassVar[str] = "model.speech2"
