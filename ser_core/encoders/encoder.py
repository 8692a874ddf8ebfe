"""What an encoder option offers: an extractor that turns content into raw features once, and a stem that reads them.

    waveform or words --extractor (frozen, cached by content)--> [time layers dim] --stem (trained)--> [time width]
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from ser_core.options import Option


class Extractor(Protocol):
    """A frozen encoder. The features of an item never depend on what else is extracted with it."""

    shape: tuple[int, int]
    """(layers, dim) of what it returns."""
    minimum_samples: int
    """Shortest waveform it can read, in samples at 16 kHz; 0 for text."""

    def identity(self) -> dict[str, Any]:
        """Everything but the content that the features depend on: weights hash, preprocessing, padding, layers, dtype."""
        ...

    def __call__(self, items: Sequence[np.ndarray] | Sequence[str]) -> list[Tensor]:
        """Waveforms (float32, 16 kHz, mono) or texts -> one float16 tensor [time layers dim] each, time >= 1."""
        ...


@dataclasses.dataclass(frozen=True)
class EncoderOption(Option):
    """Base of the encoders of one channel."""

    key: ClassVar[str] = "model"

    def extractor(self, device: torch.device) -> Extractor | None:
        """The frozen encoder, or None where nothing is extracted (`none`, or `words`, whose stem reads word numbers).

        Raises SettingError when the checkpoint cannot be found or is of another kind.
        """
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Content identity of what `location` fields point to, in their place in the fingerprint; {} without any."""
        return {}


def weights_hash(folder: Path) -> str:
    """SHA-256 over the configuration and weight files of a checkpoint folder, 16 hex digits.

    Raises SettingError when the folder holds no config.json or no weights.
    """
    raise NotImplementedError
