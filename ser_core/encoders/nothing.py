"""The empty channel: a model without speech, without text, without features."""

import dataclasses
from typing import ClassVar

import torch

from ser_core.encoders.encoder import EncoderOption


@dataclasses.dataclass(frozen=True)
class Nothing(EncoderOption):
    """Base of the empty channels. Each sets its key, and `neutral`, which no class inherits."""

    name: str = "none"
    """The name of this option."""

    def extractor(self, device: torch.device) -> None:
        """Returns None, because nothing is extracted."""


@dataclasses.dataclass(frozen=True)
class NoSpeech(Nothing):
    """No speech channel."""

    key: ClassVar[str] = "model.speech"
    neutral: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class NoSecondSpeech(Nothing):
    """No second speech channel."""

    key: ClassVar[str] = "model.speech2"
    neutral: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class NoText(Nothing):
    """No text channel."""

    key: ClassVar[str] = "model.text"
    neutral: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class NoFeatures(Nothing):
    """No channel of stored features."""

    key: ClassVar[str] = "model.features"
    neutral: ClassVar[bool] = True
