"""What runs below the trained layers when it is trained too, from the encoder's own input instead of stored states.

    waveform, log-mel frames or token numbers --Front, each utterance alone--> [time states dim] --padded--> trained layers
    Below   stops before the lowest layer                    one state: the input of that layer
    Whole   runs an encoder that has no separate layers      its hidden states, and no layers above them
Each utterance runs alone, because convolutions and their norms would read the padding. That is exact, and slower than a batch.
"""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ser_core.batch import Stream, pad
from ser_core.encoders.around import freeze
from ser_core.encoders.recompute import plainly

Run = Callable[[Any, Tensor], Any]
"""Model, prepared input of one utterance -> what the model returns."""


class Front(nn.Module):
    """Runs `encoder` on the input of each utterance."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype, time_axis: int, unused: Sequence[str]) -> None:
        """Trains all parameters of the encoder except those whose names match a pattern of `unused`."""
        super().__init__()
        self.encoder = encoder.requires_grad_(True)
        freeze(self.encoder, re.compile("|".join(unused)))
        self.dtype, self.time_axis = dtype, time_axis
        self.run: Callable[..., Any] = plainly

    @property
    def whole(self) -> nn.ModuleList:
        """Returns the encoder as the only member of a list, in which an adapter finds its projections."""
        return nn.ModuleList([self.encoder])

    def train(self, mode: bool = True) -> "Front":
        """Stays in evaluation mode, like the layers above it."""
        return super().train(False)

    def forward(self, raw: Stream) -> Stream:
        """Returns the states [batch time states dim] of prepared inputs [batch steps 1 values]."""
        lengths = raw.mask.sum(1).tolist()
        return pad([self._alone(steps[: max(1, length), 0]) for steps, length in zip(raw.steps, lengths, strict=True)])

    def _alone(self, steps: Tensor) -> Tensor:
        # The inverse of `as_steps`.
        values = steps.squeeze(-1) if steps.shape[-1] == 1 else steps
        return self.run(self.encoder, values.to(self.dtype).unsqueeze(1).movedim(0, self.time_axis), {})


def as_steps(inputs: Tensor, time_axis: int) -> Tensor:
    """Returns the prepared input of one utterance, such as [1 samples] or [1 mels frames], as steps [time 1 values].

    >>> as_steps(torch.zeros(1, 80, 7), 2).shape, as_steps(torch.zeros(1, 400), 1).shape
    (torch.Size([7, 1, 80]), torch.Size([400, 1, 1]))
    """
    steps = inputs.movedim(time_axis, 0)
    return steps.reshape(len(steps), 1, -1).contiguous()


class Below(nn.Module):
    """An encoder up to the input of its lowest layer."""

    def __init__(self, model: nn.Module, stack: str, run: Run) -> None:
        super().__init__()
        self.model, self.through = copy.deepcopy(model), run
        layers: Any = self.model.get_submodule(stack)
        del layers[1:]
        # The lowest layer stays as a shell, because a model may ask it for its kind before it runs it.
        for name, _ in [*layers[0].named_parameters(recurse=False), *layers[0].named_children()]:
            delattr(layers[0], name)
        layers[0].register_forward_pre_hook(_stop, with_kwargs=True)

    def forward(self, inputs: Tensor) -> Tensor:
        try:
            self.through(self.model, inputs)
        except _ReachedLayersError as reached:
            return reached.states[0].unsqueeze(1)
        raise AssertionError("the encoder ended without running its lowest layer")


class Whole(nn.Module):
    """An encoder whose layers cannot run by themselves: the hidden states of these numbers."""

    def __init__(self, model: nn.Module, numbers: Sequence[int], run: Run) -> None:
        super().__init__()
        self.model, self.numbers, self.through = copy.deepcopy(model), numbers, run

    def forward(self, inputs: Tensor) -> Tensor:
        states = self.through(self.model, inputs)
        return torch.stack([states[number][0] for number in self.numbers], dim=1)


class _ReachedLayersError(Exception):
    """Carries the input of the lowest layer out of a model."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


def _stop(layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    raise _ReachedLayersError(given[0] if given else named["hidden_states"])
