"""Who computes features that are missing: this process, or, inside `extracting_with`, whoever runs a cluster.

    FeatureStore --missing items--> compute_items(...) --> (item, features or AudioError), in order --> shards
The store writes what it gets in either case, so it is the only place that knows how features lie on disk.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from ser_core.audio import Audio
from ser_core.encoders.encoder import EncoderOption, Extractor
from ser_core.errors import AudioError

Computed = Iterator[tuple[Any, Tensor | AudioError]]
"""Items in the given order, each with its features or the reason why it has none."""


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Describes an extractor as plain data, so that another process can make it again."""

    option: EncoderOption
    lower: bool = False
    """Whether it computes the states below the trained layers."""

    def extractor(self, device: torch.device) -> Extractor | None:
        """Returns the extractor. Raises SettingError if its checkpoint cannot be found."""
        return self.option.lower(device) if self.lower else self.option.extractor(device)


Compute = Callable[[Sequence[Any], Encoder, Audio], Computed]
_ELSEWHERE: ContextVar[Compute | None] = ContextVar("elsewhere", default=None)


@contextmanager
def extracting_with(compute: Compute) -> Iterator[None]:
    """Inside the block, missing features are computed by `compute` instead of in this process."""
    token = _ELSEWHERE.set(compute)
    try:
        yield
    finally:
        _ELSEWHERE.reset(token)


def elsewhere() -> Compute | None:
    """Returns what computes missing features, or None for this process."""
    return _ELSEWHERE.get()
