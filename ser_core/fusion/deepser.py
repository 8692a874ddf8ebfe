"""DeepSER, the fusion of MEDUSA (Chatzichristodoulou et al. 2025, arXiv 2506.09556): channels are joined at every depth.

    h1, h2 = Leg(s)     g1, g2 = Leg(t)            Leg: two linear layers, then transformer layers; h_k after the k-th
    f1 = Leg [h1 ; g1]  f2 = Leg [h2 ; g2 ; f1]    [;] side by side in time
    z = [mean h2 ; mean g2 ; mean f2]
After the authors' code (emopodntua/medusa, net/), which extends Deep Hierarchical Fusion (Georgiou et al. 2019) to transformers.
The paper joins two channels; a joint part reads any number of legs, and with a single channel it reads that one.
There, padding is attended to and averaged over; here it is masked, so no utterance depends on the length of another. Layers are
BERT's with GELU, theirs with ReLU.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched
from ser_core.fusion.layers import PostNormLayer, side_by_side
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class DeepSer(FusionOption):
    """Settings of the deep fusion."""

    joins: ClassVar[str] = "A leg per channel; every joint part reads the legs of all channels, or of the single one."
    searched: ClassVar[Searched] = {"layers": (1, 2, 3), "heads": (1, 4)}
    name: str = "deepser"
    """This option's name."""
    layers: int = 2
    """Depth: transformer layers of each channel and of each joint part, and number of joint parts, at least 1 (the paper: 2)."""
    heads: int = 1
    """Attention heads, at least 1; must divide model.width (the authors' code: 1)."""
    feedforward: int = 4
    """Width of each layer's feed-forward part in multiples of model.width, at least 1 (the authors' code: 4)."""

    def __post_init__(self) -> None:
        for field in ("layers", "heads", "feedforward"):
            at_least(self, field, 1)

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return DeepSerFusion(channels=channels, width=width, dropout=dropout, **self.settings())


class Leg(nn.Module):
    """Projects a stream and passes it through transformer layers."""

    def __init__(self, width: int, layers: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(PostNormLayer(width, heads, feedforward, dropout) for _ in range(layers))

    def forward(self, stream: Stream, noise: DropoutKey) -> list[Stream]:
        """Returns the stream after each layer, the deepest last."""
        states = [stream.like(self.project(stream.steps))]
        for layer in self.layers:
            states.append(layer(states[-1], states[-1], noise))
        return states[1:]


class DeepSerFusion(Fusion):
    """One leg per channel and one joint leg per depth."""

    def __init__(self, channels: Sequence[str], width: int, layers: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.out_width = (len(channels) + 1) * width
        self.legs = nn.ModuleDict({name: Leg(width, layers, heads, feedforward, dropout) for name in channels})
        self.joint = nn.ModuleList(Leg(width, layers, heads, feedforward, dropout) for _ in range(layers))

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.legs[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        states = [cast(list[Stream], self.legs[name](stream, noise)) for name, stream in streams.items()]
        fused: list[Stream] = []
        for depth, leg in enumerate(self.joint):
            # At most one stream: the joint part of the depth above.
            fused = [leg(side_by_side([*(each[depth] for each in states), *fused]), noise)[-1]]
        return torch.cat([stream.mean() for stream in (*(each[-1] for each in states), *fused)], dim=-1)
