"""Multimodal dynamic fusion (MMER, Ghosh et al. 2023, arXiv 2203.16794): three chained cross-encoders, a gate, max-pooling.

    T' = BERT(T)     P = CME(W2 A <- T')     R = CME(T' <- P)     S = CME(T' <- W1 A)     A audio, T text, Q <- K = V
    S <- sigmoid(Wg [R ; S] + bg) * S
    z = [max A ; W max [R ; S]]
CME is a BERT layer with queries from one channel, keys and values from the other. The maximum of the audio bypasses the fusion.
After the authors' code (Sreyan88/MMER), which only pools over real steps. Dropout is model.dropout (theirs .1) and drops whole
dimensions; `elementwise` makes it theirs. T is the text, or the last channel of a model without one. A is the other channel; if
there are two or three others, A is all of them side by side in time. A single channel is both.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption
from ser_core.fusion.layers import PostNormLayer, side_by_side
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class Mmer(FusionOption):
    """Settings of MMER's fusion network."""

    joins: ClassVar[str] = (
        "Pairwise: the text (or the last channel) against all other channels side by side in time; a single one is both."
    )
    name: str = "mmer"
    """This option's name."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width (the paper: 12 over 768)."""
    feedforward: int = 4
    """Width of each layer's feed-forward part in multiples of model.width, at least 1 (the paper: 4)."""
    elementwise: bool = False
    """Whether dropout drops single numbers and attention weights, as in the authors' code, rather than whole dimensions."""

    def __post_init__(self) -> None:
        at_least(self, "heads", 1)
        at_least(self, "feedforward", 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return MmerFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class MmerFusion(Fusion):
    """Refined text, three cross-encoders, acoustic gate, late audio skip. The letters are those of the drawing above."""

    def __init__(
        self, channels: Sequence[str], width: int, heads: int, feedforward: int, elementwise: bool, dropout: float
    ) -> None:
        super().__init__()
        self.text = "text" if "text" in channels else channels[-1]
        self.audio = [name for name in channels if name != self.text] or [self.text]
        self.out_width = 2 * width
        layers = [PostNormLayer(width, heads, feedforward, dropout, elementwise) for _ in range(4)]
        self.refine = nn.ModuleDict({self.text: layers[0]})
        self.audio_asks_text, self.text_asks_mixed, self.text_asks_audio = layers[1:]
        self.asking_audio, self.asked_audio = nn.Linear(width, width), nn.Linear(width, width)
        self.gate = nn.Linear(2 * width, width)
        self.pooled = nn.Linear(2 * width, width)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.refine[channel]] if channel in self.refine else []

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        audio, text = side_by_side([streams[name] for name in self.audio]), streams[self.text]
        text = self.refine[self.text](text, text, noise)
        mixed = self.audio_asks_text(audio.like(self.asking_audio(audio.steps)), text, noise)
        words = self.text_asks_mixed(text, mixed, noise).steps
        sounds = self.text_asks_audio(text, audio.like(self.asked_audio(audio.steps)), noise).steps
        sounds = self.gate(torch.cat([words, sounds], -1)).sigmoid() * sounds
        fused = self.pooled(maximum(Stream(torch.cat([words, sounds], -1), text.mask)))
        return torch.cat([maximum(audio), fused], -1)


def maximum(stream: Stream) -> Float[Tensor, "batch dim"]:
    """Returns the maximum of each dimension over the real steps, of which there is at least one."""
    return stream.steps.masked_fill(~stream.mask.unsqueeze(-1), -torch.inf).amax(1)
