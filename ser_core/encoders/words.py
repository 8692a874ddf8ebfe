"""Words as numbers: a stable hash maps each word to one of a few thousand buckets, whose vectors are learned.

"No, NO! ..." -> no no -> 1 + blake2(word) mod (buckets - 1) -> 2731 2731
"""

import dataclasses
import functools
import hashlib
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from ser_core.corpus.texts import words
from ser_core.encoders.encoder import EncoderOption
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Words(EncoderOption):
    """Learned vectors of hashed words, without a checkpoint, trained with the model."""

    key: ClassVar[str] = "model.text"
    reads: ClassVar[str] = "text"
    stores: ClassVar[bool] = False

    name: str = "words"
    """The name of this option."""
    buckets: int = 1024
    """Number of word vectors, at least 2. Words in the same bucket share a vector."""

    def __post_init__(self) -> None:
        at_least(self, "buckets", 2)

    def extractor(self, device: torch.device) -> None:
        """Returns None, because nothing is extracted: the stem reads `word_numbers`."""


def word_numbers(text: str, buckets: int) -> Int[Tensor, "words"]:
    """Returns numbers 1 to buckets - 1 for the words of a text; a single 0 for a text without words.

    >>> bool((word_numbers("No, NO!", 100) == word_numbers("no no", 100)).all())
    True
    >>> word_numbers("...", 100).tolist()
    [0]
    """
    return torch.tensor([_number(word, buckets) for word in words(text)] or [0], dtype=torch.int64)


@functools.lru_cache(maxsize=65_536)
def _number(word: str, buckets: int) -> int:
    # Not Python's hash(), which differs from process to process.
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % (buckets - 1)
