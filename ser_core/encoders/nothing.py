"""The empty channel: a model without speech, or without text."""

import dataclasses
from typing import ClassVar

import torch

from ser_core.encoders.encoder import EncoderOption


@dataclasses.dataclass(frozen=True)
class NoSpeech(EncoderOption):
    """No speech channel: the model reads only text."""

    key: ClassVar[str] = "model.speech"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """The name of this option."""

    def extractor(self, device: torch.device) -> None:
        """Returns None, because nothing is extracted."""


@dataclasses.dataclass(frozen=True)
class NoText(EncoderOption):
    """No text channel: the model reads only speech."""

    key: ClassVar[str] = "model.text"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """The name of this option."""

    def extractor(self, device: torch.device) -> None:
        """Returns None, because nothing is extracted."""
