"""What every fusion offers: streams of one width in, one vector per utterance out."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import Option

Searched = Mapping[str, tuple[Any, ...]]
"""Values to search, by setting."""


class Fusion(nn.Module):
    """Base of the fusion networks. `out_width` is the width of the vector that the task heads read."""

    out_width: int
    parts: int = 1
    """Equal parts of the vector that heads predict from separately, for late fusion; 1 for all others."""
    learned: bool = False
    """Whether the shares of these parts in a prediction are learned."""

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        """Returns the layers that read only this channel. They are frozen while an epoch masks it (ser_core/masking/masking.py).

        A fusion without such layers does not override this method.
        """
        return []

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class FusionOption(Option):
    """Base of the fusion options: settings, and `build`."""

    key: ClassVar[str] = "model.fusion"
    reads_means: ClassVar[bool] = False
    """Whether it only reads the mean over time of each channel, so that features may be averaged before the stem."""
    joins: ClassVar[str] = "Reads any number of channels alike."
    """How it joins one, three or four channels, in a sentence that `ser options` prints. A pairwise fusion says how it pairs."""

    searched: ClassVar[Searched] = {}
    """Values of each setting that `ser search fusion` tries; settings that are not listed stay at their default."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        """Builds the network for these channels (one or more), all of the given width."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Returns every setting by name, for a network that takes them all."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "name"}


def means(streams: Mapping[str, Stream]) -> Float[Tensor, "batch out"]:
    """Returns the mean over the steps of each channel, normalised to zero mean and unit variance, side by side.

    It normalises because a mean over many steps is small and would train slowly, and because neither channel should outweigh
    the other by its scale.
    """
    parts = [stream.mean() for stream in streams.values()]
    return torch.cat([torch.nn.functional.layer_norm(part, part.shape[-1:]) for part in parts], dim=-1)
