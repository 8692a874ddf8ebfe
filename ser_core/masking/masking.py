"""What every masking provides: it may hide a channel from the fusion during training, never during evaluation.

stems --> streams --silence (training only)--> fusion        a hidden channel's steps are zero, its mask stays
`hide_channels` does the same to any trained model. Conditions such as speech_only use it.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion import Fusion
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import Option, Situation


@dataclasses.dataclass(frozen=True)
class MaskingOption(Option):
    """Base of the maskings. A model with one channel is never masked."""

    key: ClassVar[str] = "model.masking"

    def without_effect(self, situation: Situation) -> dict[str, str]:
        channels = situation.config.model.channels
        return (
            {} if len(channels) > 1 else {"": f"the model reads only {' '.join(channels)}, and the only channel cannot be hidden"}
        )

    def around(self, fusion: Fusion, channels: Sequence[str]) -> Fusion:
        """Returns the fusion, preceded by the layer that hides channels."""
        raise NotImplementedError

    def plan(self, channels: Sequence[str], epochs: int, generator: torch.Generator) -> tuple[str, ...]:
        """Returns the channel hidden in each epoch; "" for an epoch without one."""
        raise NotImplementedError


class MaskedFusion(Fusion):
    """A fusion that reads what `silence` lets through."""

    def __init__(self, silence: nn.Module, fusion: Fusion) -> None:
        super().__init__()
        self.out_width = fusion.out_width
        self.silence = silence
        self.fusion = fusion

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return self.fusion(self.silence(streams, noise), noise)


class Silence(nn.Module):
    """Hides one channel of all utterances while `mask_channel` is active."""

    visible: Float[Tensor, "channels"]
    """1 for a channel that is visible, 0 for one that is hidden."""

    def __init__(self, channels: Sequence[str]) -> None:
        super().__init__()
        self.channels = list(channels)
        self.register_buffer("visible", torch.ones(len(channels)), persistent=False)

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> dict[str, Stream]:
        shares = {name: self.visible[index] for index, name in enumerate(self.channels)}
        return {name: Stream(stream.steps * shares[name], stream.mask) for name, stream in streams.items()}


class HiddenStem(nn.Module):
    """A stem whose output is hidden: its steps are zero and its mask stays, as after Silence."""

    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.stem = stem

    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        stream = self.stem(raw, noise)
        return Stream(torch.zeros_like(stream.steps), stream.mask)


def spans(channels: Sequence[str], text: float) -> dict[str, tuple[float, float]]:
    """Returns the part of [0, 1) that draws each channel: `text` for the text, equal parts of the rest for the others.

    Without a text channel, all parts are equal.

    >>> spans(["speech", "text"], 0.6), spans(["speech", "speech2"], 0.6)
    ({'text': (0.0, 0.6), 'speech': (0.6, inf)}, {'speech': (0.0, 0.5), 'speech2': (0.5, inf)})
    """
    others = [name for name in channels if name != "text"]
    first = text if "text" in channels and others else 0.0
    bounds = [first + (1 - first) * place / len(others) for place in range(len(others))]
    # The last part has no upper bound, so that rounding leaves no gap.
    found = {name: (low, high) for name, low, high in zip(others, bounds, [*bounds[1:], math.inf], strict=True)}
    return {"text": (0.0, text), **found} if "text" in channels else found


@contextlib.contextmanager
def hide_channels(stems: nn.ModuleDict, channels: Sequence[str]) -> Iterator[None]:
    """Hides channels of a trained model from fusion and heads until the context ends, whether or not training masked them.

    The fusion sees the same input as with `mask_channel`.
    """
    whole = {name: stems[name] for name in channels}
    for name, stem in whole.items():
        stems[name] = HiddenStem(stem)
    try:
        yield
    finally:
        for name, stem in whole.items():
            stems[name] = stem


@contextlib.contextmanager
def mask_channel(model: nn.Module, channel: str) -> Iterator[None]:
    """Hides a channel and freezes the layers that read only it (its stem, Fusion.layers_of) until the context ends.

    Frozen means no gradient, no momentum and no decay. "" hides nothing.
    """
    if not channel:
        yield
        return
    fusions = [module for module in model.modules() if isinstance(module, Fusion)]
    own = [model.get_submodule(f"stems.{channel}"), *(layer for fusion in fusions for layer in fusion.layers_of(channel))]
    frozen = [each for layer in own for each in layer.parameters() if each.requires_grad]
    silences = [module for module in model.modules() if isinstance(module, Silence)]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
            parameter.grad = None
        for silence in silences:
            silence.visible[silence.channels.index(channel)] = 0
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for silence in silences:
            silence.visible.fill_(1)
