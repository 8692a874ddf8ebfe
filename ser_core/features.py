"""Features of frozen encoders, computed once, kept on disk by content and memory-mapped by every trial."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ser_core.audio import Audio
from ser_core.encoders.encoder import Extractor


@dataclasses.dataclass(frozen=True)
class Speech:
    """An utterance to listen to; `start` and `end` in seconds, NaN for the file's own; `content` from content_hashes."""

    utterance: str
    file: str
    start: float
    end: float
    content: str


@dataclasses.dataclass(frozen=True)
class Text:
    """An utterance to read."""

    utterance: str
    text: str


Item = Speech | Text


class Features:
    """Features of some items in their order, mapped from disk."""

    refused: dict[str, str]
    """Reason by utterance for the items without features; their length is 0 and asking for them raises AudioError."""
    lengths: list[int]
    """Steps of each item."""

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, row: int) -> Tensor:
        """float16 [time layers dim]."""
        raise NotImplementedError


class FeatureStore:
    """Folder of features. Any number of processes may use it at once."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).absolute()

    def features(self, items: Sequence[Item], extractor: Extractor, audio: Audio, progress: bool = False) -> Features:
        """The features of all items; what is not stored yet is extracted and stored. `audio` does not matter to texts."""
        raise NotImplementedError
