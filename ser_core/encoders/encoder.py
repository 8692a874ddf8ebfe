"""What an encoder option offers: an extractor that turns content into raw features once, and a stem that reads them.

waveform or words --extractor (frozen, cached by content)--> [time layers dim] --stem (trained)--> [time width]
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.content_hashes import file_hash
from ser_core.encoders.stems import FeatureStem
from ser_core.encoders.tuned import Tuning
from ser_core.errors import SettingError
from ser_core.options import Option

SETTING_FILES = {
    *("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
}
"""What of a checkpoint folder, beside the weights, its features depend on."""


@runtime_checkable
class Extractor(Protocol):
    """A frozen encoder. The features of an item never depend on what else is extracted with it."""

    @property
    def shape(self) -> tuple[int, int]:
        """(layers, dim) of what it returns."""
        ...

    @property
    def minimum_samples(self) -> int:
        """Shortest waveform it can read, in samples at 16 kHz; 0 for text."""
        ...

    @property
    def side_by_side(self) -> bool:
        """Whether several threads may call it at once."""
        ...

    def identity(self) -> dict[str, Any]:
        """What the features depend on beside the content: weights hash, preprocessing, padding, layers, dtype."""
        ...

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
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

    def lower(self, device: torch.device) -> Extractor:
        """What yields the hidden state that the trained layers read, for encoders that `tuning` says are trained."""
        raise NotImplementedError

    def tuning(self, device: torch.device) -> Tuning | None:
        """The layers that are trained; None while the encoder is frozen."""
        return None

    @property
    def reader(self) -> type[FeatureStem]:
        """How a model reads the features of several layers."""
        return FeatureStem

    def identity(self) -> dict[str, Any]:
        """Content identity of what `location` fields point to, in their place in the fingerprint; {} without any."""
        return {}


def average_frames(frames: Float[Tensor, "frames layers dim"], stride: int) -> Float[Tensor, "time layers dim"]:
    """Means of `stride` consecutive frames; the last step averages what is left, 1 to `stride` frames.

    >>> average_frames(torch.tensor([1.0, 3.0, 5.0]).reshape(3, 1, 1), 2).flatten().tolist()
    [2.0, 5.0]
    """
    if stride == 1:
        return frames
    return torch.stack([group.mean(0) for group in frames.split(stride)])


def half(features: Tensor, source: str) -> Tensor:
    """Features as stored: float16 on the CPU. Raises SettingError where they do not fit."""
    stored = features.to("cpu", torch.float16)
    if not torch.isfinite(stored).all():
        raise SettingError(
            f"{source} yields features that are not finite in half precision (largest {features.abs().max():.3g}, "
            "and 65504 is the most); choose another layer or another checkpoint"
        )
    return stored


def weights_hash(folder: Path) -> str:
    """SHA-256 over the configuration, vocabulary and weight files of a checkpoint folder, 16 hex digits.

    Each file is read once per process, and again when its size or modification time changes. Raises SettingError when
    the folder holds no config.json or no weights.
    """
    if not (folder / "config.json").is_file():
        raise SettingError(f"{folder} holds no config.json, so it is no checkpoint folder")
    weights = weight_files(folder)
    if not weights:
        raise SettingError(f"{folder} holds no weights: neither *.safetensors nor pytorch_model*.bin")
    beside = sorted(file for file in folder.iterdir() if file.name in SETTING_FILES)
    together = hashlib.sha256()
    for file in (*beside, *weights):
        state = file.stat()
        together.update(f"{file.name}\n{_hash_of(file, state.st_size, state.st_mtime_ns)}\n".encode())
    return together.hexdigest()[:16]


def weight_files(folder: Path) -> list[Path]:
    """The weight files that are read: safetensors where there are any, otherwise PyTorch's."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


@functools.lru_cache
def _hash_of(file: Path, size: int, modified: int) -> str:
    return file_hash(file)
