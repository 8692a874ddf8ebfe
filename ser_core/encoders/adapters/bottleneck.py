"""Bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751) after attention and feed-forward of each trained layer.

sublayer(x) -- + W_up GELU(W_down .) --> + x        W_up is 0 at the start: the layer equals the pre-trained one exactly
"""

import dataclasses
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from ser_core.encoders.adapters.adapter import AdapterOption
from ser_core.encoders.integration.integration import zeroed
from ser_core.options import at_least

SUBLAYERS = (
    ("attention.output.dense", "attention.dense", "attention.attn", "self_attn", "attention", "attn"),
    ("output.dense", "feed_forward", "fc2", "ffn_output", "ffn2", "ffn", "mlp"),
)
"""Modules that compute the attention and feed-forward results before the residual: the first name that a layer has."""


@dataclasses.dataclass(frozen=True)
class Bottleneck(AdapterOption):
    """A residual two-layer network after the attention and after the feed-forward of each layer (Houlsby et al. 2019)."""

    name: str = "bottleneck"
    """This option's name."""
    width: int = 64
    """Inner width, at least 1."""

    def __post_init__(self) -> None:
        at_least(self, "width", 1)

    def adapt(self, layers: nn.ModuleList) -> None:
        for layer in layers:
            # DeBERTa has a LayerNorm of its own; the name of a whole layer may end like that, too.
            norms = (module for module in layer.modules() if type(module).__name__.endswith("LayerNorm"))
            norm: Any = next(module for module in norms if isinstance(getattr(module, "weight", None), torch.Tensor))
            # A layer that this project wraps is inside.
            inner = layer.get_submodule("layer") if _holds(layer, "layer") else layer
            for names in SUBLAYERS:
                name = next(name for name in names if _holds(inner, name))
                inner.set_submodule(name, Adapted(inner.get_submodule(name), norm.weight.numel(), self.width))


class Adapted(nn.Module):
    """A sublayer, followed by the bottleneck for its result."""

    def __init__(self, sublayer: nn.Module, dim: int, width: int) -> None:
        super().__init__()
        self.sublayer = sublayer
        self.bottleneck = Residual(dim, width)

    def forward(self, *given: Any, **named: Any) -> Any:
        found = self.sublayer(*given, **named)
        return (self.bottleneck(found[0]), *found[1:]) if isinstance(found, tuple) else self.bottleneck(found)


class Residual(nn.Module):
    """x + W_up GELU(W_down x)."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), zeroed(nn.Linear(width, dim))

    def forward(self, states: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        return states + self.up(gelu(self.down(states)))


def _holds(layer: nn.Module, name: str) -> bool:
    return any(each == name for each, _ in layer.named_modules())
