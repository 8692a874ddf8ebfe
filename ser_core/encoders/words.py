"""Words as numbers: a stable hash drops each into one of a few thousand buckets, whose vectors are learned.

"No, NO! ..." -> no no -> 1 + blake2(word) mod (buckets - 1) -> 2731 2731
"""

import dataclasses
import functools
import hashlib
import re
import unicodedata
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from ser_core.encoders.encoder import EncoderOption
from ser_core.options import at_least

WORD_OR_SIGN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]")
TAG = re.compile(r"\[[^\[\]]{1,40}\]|<[^<>]{1,40}>|\{[^{}]{1,40}\}")
"""What annotators put between words, such as [LAUGHTER]."""


@dataclasses.dataclass(frozen=True)
class Words(EncoderOption):
    """Learned vectors of hashed words: no checkpoint, trained with the model."""

    key: ClassVar[str] = "model.text"

    name: str = "words"
    """The name of this option."""
    buckets: int = 1024
    """Different word vectors, at least 2; words that fall into one bucket share a vector."""

    def __post_init__(self) -> None:
        at_least(self, "buckets", 2)

    def extractor(self, device: torch.device) -> None:
        """Nothing is extracted: the stem reads `word_numbers`."""


def word_numbers(text: str, buckets: int) -> Int[Tensor, "words"]:
    """Numbers 1 to buckets - 1 of the words of a text; a single 0 for a text without words.

    >>> bool((word_numbers("No, NO!", 100) == word_numbers("no no", 100)).all())
    True
    >>> word_numbers("...", 100).tolist()
    [0]
    """
    return torch.tensor([_number(word, buckets) for word in words(text)] or [0], dtype=torch.int64)


def words(text: str) -> list[str]:
    """Words of a text in lower case, without punctuation; an emoji is a word.

    >>> words("Don\u2019t go \U0001f62d \u2026 (please_now)!")
    ["don't", 'go', '\U0001f62d', 'please', 'now']
    """
    found = WORD_OR_SIGN.findall(text.lower().replace("\u2019", "'"))
    return [word for word in found if word[0].isalnum() or unicodedata.category(word) == "So"]


def normalised(text: str) -> str:
    """A text as it is compared: lower case, words alone, without tags.

    >>> normalised("[LAUGHTER] Don't, please!")
    "don't please"
    """
    return " ".join(words(TAG.sub(" ", text)))


@functools.lru_cache(maxsize=65_536)
def _number(word: str, buckets: int) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % (buckets - 1)
