"""What an encoder option provides: an extractor that computes raw features once, and a stem that reads them.

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
"""Files of a checkpoint folder, in addition to the weights, that its features depend on."""
UNREAD_BESIDE_JSON = ("spm.model", "tokenizer.model")
"""Vocabularies of sentencepiece that a tokenizer.json replaces. They count only without one."""


@runtime_checkable
class Extractor(Protocol):
    """A frozen encoder. The features of an item never depend on the other items extracted with it."""

    @property
    def shape(self) -> tuple[int, int]:
        """Returns (layers, dim) of the output."""
        ...

    @property
    def minimum_samples(self) -> int:
        """Returns the shortest waveform it can read, in samples at 16 kHz; 0 for text."""
        ...

    @property
    def side_by_side(self) -> bool:
        """Whether several threads may call it at the same time."""
        ...

    def identity(self) -> dict[str, Any]:
        """Returns what the features depend on apart from the content: weights hash, preprocessing, padding, layers, dtype."""
        ...

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        """Computes one float16 tensor [time layers dim], time >= 1, for each waveform (float32, 16 kHz, mono) or text."""
        ...


@dataclasses.dataclass(frozen=True)
class EncoderOption(Option):
    """Base of the encoders of one channel."""

    key: ClassVar[str] = "model"
    reads: ClassVar[str] = ""
    """What it reads of an utterance: audio, text, or stored (features from a file); "" for nothing."""
    stores: ClassVar[bool] = True
    """Whether the feature store keeps what it reads or computes."""

    def extractor(self, device: torch.device) -> Extractor | None:
        """Returns the frozen encoder, or None if nothing is extracted (`none`, stored features, or `words`).

        Raises SettingError if the checkpoint cannot be found or is of another kind.
        """
        raise NotImplementedError

    def lower(self, device: torch.device) -> Extractor:
        """Returns the extractor of the hidden state below the trained layers, for encoders with a `tuning`."""
        raise NotImplementedError

    def tuning(self, device: torch.device) -> Tuning | None:
        """Returns the trained layers; None while the encoder is frozen."""
        return None

    def notices(self) -> list[str]:
        """Returns sentences about what this choice costs, which every command prints."""
        return []

    @property
    def reader(self) -> type[FeatureStem]:
        """Returns the stem class that combines the features of several layers."""
        return FeatureStem

    def identity(self) -> dict[str, Any]:
        """Returns the content identity that replaces `location` fields in the fingerprint; {} without any."""
        return {}


def average_frames(frames: Float[Tensor, "frames layers dim"], stride: int) -> Float[Tensor, "time layers dim"]:
    """Averages `stride` consecutive frames; the last step averages the remaining 1 to `stride` frames.

    >>> average_frames(torch.tensor([1.0, 3.0, 5.0]).reshape(3, 1, 1), 2).flatten().tolist()
    [2.0, 5.0]
    """
    if stride == 1:
        return frames
    return torch.stack([group.mean(0) for group in frames.split(stride)])


def half(features: Tensor, source: str) -> Tensor:
    """Converts features to their stored form: float16 on the CPU. Raises SettingError if they do not fit."""
    stored = features.to("cpu", torch.float16)
    if not torch.isfinite(stored).all():
        raise SettingError(
            f"{source} yields features that are not finite in half precision (largest {features.abs().max():.3g}, "
            "and the maximum is 65504); choose another layer or another checkpoint"
        )
    return stored


def weights_hash(folder: Path) -> str:
    """Returns SHA-256 over the configuration, vocabulary and weight files of a checkpoint folder, 16 hex digits.

    Each file is read once per process, and again if its size or modification time changes. Raises SettingError if
    the folder has no config.json or no weights.
    """
    if not (folder / "config.json").is_file():
        raise SettingError(f"{folder} holds no config.json, so it is not a checkpoint folder")
    weights = weight_files(folder)
    if not weights:
        raise SettingError(f"{folder} holds no weights: neither *.safetensors nor pytorch_model*.bin")
    vocabularies = () if (folder / "tokenizer.json").is_file() else UNREAD_BESIDE_JSON
    settings = sorted(file for file in folder.iterdir() if file.name in {*SETTING_FILES, *vocabularies})
    together = hashlib.sha256()
    for file in (*settings, *weights):
        state = file.stat()
        together.update(f"{file.name}\n{_hash_of(file, state.st_size, state.st_mtime_ns)}\n".encode())
    return together.hexdigest()[:16]


def weight_files(folder: Path) -> list[Path]:
    """Returns the weight files to read: safetensors if any exist, otherwise PyTorch's."""
    # Sorted, because the order of a folder differs between file systems and the hash covers the files in order.
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


@functools.lru_cache
def _hash_of(file: Path, size: int, modified: int) -> str:
    return file_hash(file)
