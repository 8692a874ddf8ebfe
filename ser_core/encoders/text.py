"""Pre-trained text encoders: BERT and its relatives."""

import dataclasses
from typing import Any, ClassVar

import torch

from ser_core.encoders.encoder import EncoderOption, Extractor
from ser_core.options import location, within


@dataclasses.dataclass(frozen=True)
class TextCheckpoint(EncoderOption):
    """A frozen pre-trained text encoder."""

    key: ClassVar[str] = "model.text"

    name: str = "checkpoint"
    """The name of this option."""
    path: str = location("")
    """Folder of the checkpoint, or its name on the Hugging Face hub."""
    layers: str = "last"
    """Hidden states used: weighted (a learned sum of all), last, or one number, where 0 is the embedding output."""
    max_tokens: int = 128
    """Tokens read of a text, its first and last marks included, 3 to 512; the rest is cut off."""

    def __post_init__(self) -> None:
        within(self, "max_tokens", 3, 512)

    def extractor(self, device: torch.device) -> Extractor:
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        raise NotImplementedError
