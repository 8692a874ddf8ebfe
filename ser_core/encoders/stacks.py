"""Where a family of encoders keeps its transformer layers, and layers that transformers would run with the padding inside.

    input --front--> state 0 --layer 1--> state 1 ... --layer n--> --closing norm--> output
Every family fills in one Stack; a family without one has no layers that could run by themselves.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ser_core.encoders.around import Around


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """How to take an encoder apart. Modules are named by their place in the model that transformers loads."""

    stack: str = "encoder.layer"
    """The transformer layers, a ModuleList."""
    around: type[Around] = Around
    """What the layers read besides the states."""
    closing: str = ""
    """The norm after the last layer; "" for none."""
    layers_of: Callable[[Any, str], list[nn.Module]] = lambda model, stack: list(model.get_submodule(stack))
    """Model, `stack` -> the layer that runs at each depth, lowest first; a shared layer appears at each of its depths."""

    def beside(self, closes: bool = True) -> list[str]:
        """Returns patterns of parameters that are neither below the layers nor in them: the norm after them, shared tables."""
        closing = [rf"^model\.{re.escape(self.closing)}\."] if self.closing and closes else []
        return [*closing, *([self.around.owned] if self.around.owned else [])]


def albert_layers(model: Any, stack: str) -> list[nn.Module]:
    """Returns ALBERT's layers, few of which serve many depths (Lan et al. 2019, arXiv 1909.11942)."""
    groups, depth = list(model.get_submodule(stack)), model.config.num_hidden_layers
    return [layer for number in range(depth) for layer in groups[int(number * len(groups) / depth)].albert_layers]


def deberta_layers(model: Any, stack: str) -> list[nn.Module]:
    """Returns DeBERTa's layers. In its v2 xlarge sizes, a convolution joins the first."""
    first, *others = model.get_submodule(stack)
    convolution = getattr(model.encoder, "conv", None)
    return [first if convolution is None else ConvolvedLayer(first, convolution), *others]


class ConvolvedLayer(nn.Module):
    """DeBERTa v2's first layer, whose output takes in a convolution of its input."""

    def __init__(self, layer: nn.Module, convolution: nn.Module) -> None:
        super().__init__()
        self.layer, self.convolution = layer, convolution

    def forward(self, states: Float[Tensor, "batch time dim"], real: Bool[Tensor, "batch time"], **around: Any) -> Tensor:
        # The convolution must read zeros after the end, as it does for an utterance alone.
        states = states * real.unsqueeze(-1).to(states.dtype)
        return self.convolution(states, self.layer(states, **around)[0], real.to(torch.int64))


def conformer_layers(model: Any, stack: str) -> list[nn.Module]:
    """Returns wav2vec 2.0's conformer layers, with convolutions that do not read the padding."""
    return [ConformerLayer(layer) for layer in model.get_submodule(stack)]


class ConformerLayer(nn.Module):
    """A conformer layer (Gulati et al. 2020, arXiv 2005.08100) from the modules of transformers, blind to padding.

    x + 1/2 FF(x) --> + attention --> + convolution over real steps --> + 1/2 FF --> norm
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, states: Float[Tensor, "batch time dim"], conv_attention_mask: Bool[Tensor, "batch time"], **around: Any
    ) -> Tensor:
        layer: Any = self.layer
        states = states + 0.5 * layer.ffn1(layer.ffn1_layer_norm(states))
        attended = layer.self_attn(layer.self_attn_layer_norm(states), **around)
        states = states + (attended[0] if isinstance(attended, tuple) else attended)
        states = states + _convolved(layer.conv_module, states, conv_attention_mask)
        states = states + 0.5 * layer.ffn2(layer.ffn2_layer_norm(states))
        return layer.final_layer_norm(states)


def _convolved(module: Any, states: Tensor, real: Tensor) -> Tensor:
    """Returns what a conformer's convolution module makes of the real steps."""
    normed = module.layer_norm(states) * real.unsqueeze(-1).to(states.dtype)
    # Without bias, so padding stays zero up to the convolution over time.
    wide = nn.functional.glu(module.pointwise_conv1(normed.transpose(1, 2)), 1)
    over_time = module.activation(module.batch_norm(module.depthwise_conv(wide)))
    return module.pointwise_conv2(over_time).transpose(1, 2)
