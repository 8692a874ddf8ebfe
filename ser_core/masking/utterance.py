"""Channel dropout: each utterance of a training step loses one of its channels with a fixed probability, never more.

Neverova et al. 2016 (ModDrop, arXiv 1501.00102) drop channels independently. Here at most one is lost, so that there is always
something to learn from. The step's key determines which utterances lose a channel, as in dropout.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from ser_core.batch import Stream
from ser_core.fusion import Fusion
from ser_core.keyed_dropout import DropoutKey, Site, uniform
from ser_core.masking.masking import MaskedFusion, MaskingOption, spans
from ser_core.options import within


@dataclasses.dataclass(frozen=True)
class UtteranceMasking(MaskingOption):
    """Settings of masking by utterance."""

    name: str = "utterance"
    """This option's name."""
    probability: float = 0.2
    """Probability that an utterance loses a channel, from 0 (never) to 1."""
    text: float = 0.5
    """Probability that the lost channel is the text rather than another, from 0 to 1; without a text, all are alike."""

    def __post_init__(self) -> None:
        within(self, "probability", 0, 1)
        within(self, "text", 0, 1)

    def around(self, fusion: Fusion, channels: Sequence[str]) -> Fusion:
        return MaskedFusion(ChannelDropout(self.probability, self.text), fusion) if len(channels) > 1 else fusion

    def plan(self, channels: Sequence[str], epochs: int, generator: torch.Generator) -> tuple[str, ...]:
        return ("",) * epochs


class ChannelDropout(Site):
    """Sets the steps of a lost channel to zero."""

    def __init__(self, probability: float, text: float) -> None:
        super().__init__()
        self.probability, self.text = probability, text

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> dict[str, Stream]:
        if noise.key is None:
            return dict(streams)
        size = len(next(iter(streams.values())).steps)
        whether, which = uniform(noise.key, self.site, (size, 2)).unbind(-1)
        lost, parts = whether < self.probability, spans(list(streams), self.text)
        visible = {name: ~(lost & (which >= low) & (which < high)) for name, (low, high) in parts.items()}
        return {name: Stream(each.steps * visible[name][:, None, None], each.mask) for name, each in streams.items()}
