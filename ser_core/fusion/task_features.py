"""Features for emotion and for helper tasks from the same steps, each through an adapter: the input of co-attention.

speech --adapter--> F_e        speech --adapter k--> F_k, one for each helper        any other channel --> F_k
adapter(x) = x + W_up GELU(W_down LN x)                                              Houlsby et al. 2019, arXiv 1902.00751
"""

from collections.abc import Mapping, Sequence
from typing import cast

from torch import nn
from torch.nn.functional import gelu

from ser_core.batch import Stream


class Adapter(nn.Module):
    """A residual bottleneck of the given inner width."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down, self.up = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, stream: Stream) -> Stream:
        return stream.like(stream.steps + self.up(gelu(self.down(self.norm(stream.steps)))))


class TaskFeatures(nn.Module):
    """`forward` returns F_e and the list of F_k. The first channel is adapted; the others are features unchanged."""

    def __init__(self, channels: Sequence[str], width: int, helpers: int, adapter: int) -> None:
        super().__init__()
        self.first, self.others = channels[0], channels[1:]
        self.count = helpers + len(self.others)
        """Number of F_k."""
        self.emotion = Adapter(width, adapter)
        self.helpers = nn.ModuleList(Adapter(width, adapter) for _ in range(helpers))

    def forward(self, streams: Mapping[str, Stream]) -> tuple[Stream, list[Stream]]:
        first = streams[self.first]
        adapted = [cast(Stream, adapter(first)) for adapter in self.helpers]
        return self.emotion(first), adapted + [streams[name] for name in self.others]
