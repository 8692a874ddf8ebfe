"""The trained upper transformer layers of a checkpoint; everything below is frozen and comes from the feature store.

    state of layer k (stored) --layer k+1 ... layer n--> n - k + 1 states --mean of `stride`--> FeatureStem
                                 adapters inside each, an integration between them
Before the first step the network equals the frozen one, also with adapters and an integration. Its own dropout stays off, so
that the seed controls all randomness. Convolutions and embeddings are below every layer, so they are never trained.
"""

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from ser_core.batch import Stream
from ser_core.encoders.adapters import ADDED, AdapterOption
from ser_core.encoders.integration import Integration, IntegrationOption
from ser_core.encoders.stems import FeatureStem
from ser_core.keyed_dropout import DropoutKey

FAR = -1e4
"""Value added to the attention scores of padding steps."""


class TopLayers(nn.Module):
    """Transformer layers from `transformers`, run over padded batches without attending to the padding."""

    def __init__(self, layers: nn.ModuleList, closing: nn.Module | None, first: nn.Module) -> None:
        super().__init__()
        # A copy: each model trains its own layers, and the extractor keeps the pre-trained ones.
        self.layers = copy.deepcopy(layers).requires_grad_(True)
        self.closing = copy.deepcopy(closing or nn.Identity()).requires_grad_(True)
        self.biases = RelativeBiases(first.attention) if hasattr(getattr(first, "attention", None), "rel_attn_embed") else None
        self.integration = Integration()
        self.run: Callable[..., Any] = plainly

    def train(self, mode: bool = True) -> "TopLayers":
        """Stays in evaluation mode, because the checkpoint's dropout would use a generator that the seed does not control."""
        return super().train(False)

    def forward(self, states: Float[Tensor, "batch time dim"], mask: Bool[Tensor, "batch time"]) -> list[Tensor]:
        """Returns the given states and the input above each layer, the last after the closing norm and the integration."""
        # Added to the scores. Not -inf: a row without any real step would become NaN.
        padding = torch.where(mask, 0.0, FAR).to(states.dtype)[:, None, None, :]
        around = {"attention_mask": None, "position_bias": self.biases(padding)} if self.biases else {"attention_mask": padding}
        found, above = [states], [states]
        for layer in self.layers:
            output = self.run(layer, above[-1], around)
            found.append(output[0] if isinstance(output, tuple) else output)
            above.append(self.integration.between(found))
        return [*above[:-1], self.integration.output(self.closing(above[-1]), above[:-1])]


def plainly(layer: nn.Module, states: Tensor, around: dict[str, Tensor | None]) -> Any:
    """Applies a layer to states and keeps its activations for the backward pass."""
    return layer(states, **around)


def recomputed(layer: nn.Module, states: Tensor, around: dict[str, Tensor | None]) -> Any:
    """Applies a layer and recomputes its activations in the backward pass (Chen et al. 2016, arXiv 1604.06174).

    It holds on to the layer's current weights, because by then `functional_call` may have replaced them.
    """
    if not torch.is_grad_enabled():
        return plainly(layer, states, around)
    weights = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    again = functools.partial(functional_call, layer, weights, kwargs=around)
    return checkpoint(again, (states,), use_reentrant=False, preserve_rng_state=False)


class RelativeBiases(nn.Module):
    """WavLM's position biases, which its first layer keeps for all layers: frozen, with the padding added.

    The layers scale them by a gate above 1, so scores of padding stay very low.
    """

    table: Float[Tensor, "buckets heads"]

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.register_buffer("table", attention.rel_attn_embed.weight.detach().clone())
        self.buckets = attention._relative_positions_bucket

    def forward(self, padding: Float[Tensor, "batch 1 1 time"]) -> Float[Tensor, "rows time time"]:
        steps = torch.arange(padding.shape[-1], device=padding.device)
        places = self.buckets(steps[None, :] - steps[:, None])
        biases = nn.functional.embedding(places, self.table).permute(2, 0, 1)
        return (biases + padding).flatten(0, 1)


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How the upper layers of a channel are trained."""

    top: Callable[[], TopLayers]
    """Returns a new copy of the pre-trained layers."""
    stride: int
    """Consecutive steps averaged into one."""
    last: bool
    """Whether only the last state is read instead of all."""
    rate: float
    """Factor on the learning rate of the uppermost layer; 0 keeps the pre-trained weights unchanged."""
    decay: float
    """Factor from each layer to the one below it."""
    integration: IntegrationOption
    """How states of lower layers reach the layers above them, or the output."""
    adapter: AdapterOption
    """Addition inside each layer."""
    checkpointing: bool
    """Whether the backward pass recomputes the layers' activations instead of keeping them."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One parameter of the trained layers."""

    kind: Literal["encoder", "adapters"]
    """encoder: pre-trained; adapters: new (of an adapter or an integration)."""
    depth: int
    """Number of layers between it and the output; 0 for the uppermost layer, the closing norm, and everything above."""
    parameter: nn.Parameter
    factor: float
    """Factor on the learning rate; 0 for frozen parameters."""


class TunedStem(nn.Module):
    """Trained layers below a FeatureStem."""

    def __init__(self, tuning: Tuning, read: FeatureStem) -> None:
        super().__init__()
        self.tuning = tuning
        self.read = read
        self.top = tuning.top()
        self.skips = False
        """Whether the input has already passed through the layers."""
        tuning.adapter.adapt(self.top.layers)
        self.top.integration = tuning.integration.build(len(self.top.layers), read.mean.shape[-1])
        self.top.run = recomputed if tuning.checkpointing else plainly
        for part in self.parts():
            part.parameter.requires_grad_(part.factor > 0)

    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        return self.read(raw if self.skips else self.states(raw), noise)

    def states(self, raw: Stream) -> Stream:
        """Applies the layers to the stored states: [batch time layers dim], as the FeatureStem reads it."""
        # The store holds one layer here, the state below the trained ones, as float16.
        states = self.top(raw.steps[:, :, 0].to(self.read.mean.dtype), raw.mask)
        steps = torch.stack(states[-1:] if self.tuning.last else states, dim=2)
        return strided(Stream(steps, raw.mask), self.tuning.stride)

    def parts(self) -> Iterator[Part]:
        """Yields every parameter of the trained layers, their adapters and the integration."""
        # From the top, because a layer's rate falls with its distance from the output.
        for depth, layer in enumerate(reversed(list(self.top.layers))):
            for name, parameter in layer.named_parameters():
                added, factor = ADDED.search(name), self.tuning.rate * self.tuning.decay**depth
                yield Part("adapters", depth, parameter, 1.0) if added else Part("encoder", depth, parameter, factor)
        yield from (Part("encoder", 0, parameter, self.tuning.rate) for parameter in self.top.closing.parameters())
        for depth, level in enumerate(reversed(list(self.top.integration.levels))):
            yield from (Part("adapters", depth, parameter, 1.0) for parameter in level.parameters())


def strided(stream: Stream, stride: int) -> Stream:
    """Averages `stride` consecutive steps [batch time layers dim]; the last step averages its real ones.

    >>> stream = Stream(torch.tensor([1.0, 3.0, 5.0]).reshape(1, 3, 1, 1), torch.ones(1, 3, dtype=torch.bool))
    >>> strided(stream, 2).steps.flatten().tolist()
    [2.0, 5.0]
    """
    short = -stream.steps.shape[1] % stride
    mask = nn.functional.pad(stream.mask, (0, short)).unflatten(1, (-1, stride))
    steps = nn.functional.pad(stream.steps, (0, 0, 0, 0, 0, short)).unflatten(1, (-1, stride))
    counted = mask[..., None, None].to(steps.dtype)
    # Divide by the real steps only; a group of padding alone stays 0.
    return Stream((steps * counted).sum(2) / counted.sum(2).clamp(min=1), mask.any(2))
