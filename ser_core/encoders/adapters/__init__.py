"""One file per adapter of the trained layers. ADAPTERS is the only list."""

from ser_core.encoders.adapters.adapter import ADDED, AdapterOption
from ser_core.encoders.adapters.bottleneck import Bottleneck
from ser_core.encoders.adapters.lora import Lora
from ser_core.encoders.adapters.lora_bottleneck import LoraBottleneck

ADAPTERS: dict[str, type[AdapterOption]] = {
    "none": AdapterOption,
    "lora": Lora,
    "bottleneck": Bottleneck,
    "lora_bottleneck": LoraBottleneck,
}

__all__ = ["ADAPTERS", "ADDED", "AdapterOption"]
