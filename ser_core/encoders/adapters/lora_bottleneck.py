"""LoRA and bottleneck adapters together, as in the second stage of Gao et al. 2024 (ICASSP).

layer --LoRA in every attention projection--> --bottleneck after attention and feed-forward-->
"""

import dataclasses

from torch import nn

from ser_core.encoders.adapters.bottleneck import Bottleneck
from ser_core.encoders.adapters.lora import Lora
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class LoraBottleneck(Lora):
    """LoRA in every attention projection and a bottleneck after attention and feed-forward (Gao et al. 2024)."""

    name: str = "lora_bottleneck"
    """This option's name."""
    width: int = 64
    """Inner width of the bottlenecks, at least 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "width", 1)

    def adapt(self, layers: nn.ModuleList) -> None:
        super().adapt(layers)
        Bottleneck(width=self.width).adapt(layers)
