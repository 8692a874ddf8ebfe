"""The trained upper transformer layers of a checkpoint; everything below is frozen and comes from the feature store.

    state of layer k (stored) --layer k+1 ... layer n--> n - k + 1 states --mean of `stride`--> FeatureStem
                                 adapters inside each, an integration between them
Before the first step the network equals the frozen one, also with adapters and an integration. Its own dropout stays off, so
that the seed controls all randomness. Convolutions and embeddings are below every layer. To train them too, a Front (fronts.py)
runs them on the encoder's input in place of the stored states.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.encoders.adapters import ADDED, AdapterOption
from ser_core.encoders.around import Around
from ser_core.encoders.fronts import Front
from ser_core.encoders.integration import Integration, IntegrationOption
from ser_core.encoders.recompute import plainly, recomputed
from ser_core.encoders.stems import FeatureStem
from ser_core.keyed_dropout import DropoutKey


class TopLayers(nn.Module):
    """Transformer layers from `transformers`, run over padded batches without attending to the padding."""

    def __init__(self, layers: Sequence[nn.Module], closing: nn.Module | None, around: Around) -> None:
        """Copies the layers: one per depth, lowest first, where a layer shared by several depths stands at each of them."""
        super().__init__()
        # A copy: each model trains its own layers, and the extractor keeps the pre-trained ones.
        copies = copy.deepcopy(list(layers))
        shared = list(dict.fromkeys(copies))
        self.layers = nn.ModuleList(shared).requires_grad_(True)
        self.order = [shared.index(layer) for layer in copies]
        """The number of the layer that runs at each depth."""
        self.closing = copy.deepcopy(closing or nn.Identity()).requires_grad_(True)
        self.biases = around
        self.integration = Integration()
        self.run: Callable[..., Any] = plainly

    def depth(self, number: int) -> int:
        """Returns how many layers run above a layer; above its highest place if it is shared."""
        return self.order[::-1].index(number)

    def train(self, mode: bool = True) -> "TopLayers":
        """Stays in evaluation mode, because the checkpoint's dropout would use a generator that the seed does not control."""
        return super().train(False)

    def forward(self, states: Float[Tensor, "batch time dim"], mask: Bool[Tensor, "batch time"]) -> list[Tensor]:
        """Returns the given states and the input above each layer, the last after the closing norm and the integration."""
        layers = [self.layers[number] for number in self.order]
        found, above = [states], [states]
        for layer, around in zip(layers, self.biases(states, mask, layers), strict=True):
            output = self.run(layer, above[-1], around)
            found.append(output[0] if isinstance(output, tuple) else output)
            above.append(self.integration.between(found))
        return [*above[:-1], self.integration.output(self.closing(above[-1]), above[:-1])]


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
    front: Callable[[], Front] | None = None
    """Returns a new copy of what runs below the layers, from the prepared input; None reads stored states."""


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
        self.front = tuning.front() if tuning.front else None
        self.skips = False
        """Whether the input has already passed through the layers."""
        tuning.adapter.adapt(self.top.layers if self.top.order or not self.front else self.front.whole)
        self.top.integration = tuning.integration.build(len(self.top.order), read.mean.shape[-1])
        for module in (self.top, self.front):
            if module:
                module.run = recomputed if tuning.checkpointing else plainly
        for part in self.parts():
            part.parameter.requires_grad_(part.factor > 0)

    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        return self.read(raw if self.skips else self.states(raw), noise)

    def states(self, raw: Stream) -> Stream:
        """Applies the layers: [batch time layers dim], as the FeatureStem reads it."""
        # The store holds one layer here, the state below the trained ones, as float16; or the input of the encoder.
        lower = self.front(raw) if self.front else Stream(raw.steps.to(self.read.mean.dtype), raw.mask)
        *below, highest = lower.steps.unbind(2)
        states = [*below, *self.top(highest, lower.mask)]
        steps = torch.stack(states[-1:] if self.tuning.last else states, dim=2)
        return strided(Stream(steps, lower.mask), self.tuning.stride)

    def parts(self) -> Iterator[Part]:
        """Yields every parameter of the trained layers and what is trained below them, their adapters and the integration."""
        # From the top, because a layer's rate falls with its distance from the output.
        layers = [(self.top.depth(number), self.top.layers[number]) for number in dict.fromkeys(reversed(self.top.order))]
        below: list[nn.Module] = [self.front, self.top.biases] if self.front else []
        modules = [*layers, *((len(self.top.order), module) for module in below)]
        for depth, module in modules:
            for name, parameter in module.named_parameters():
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
