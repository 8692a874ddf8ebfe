"""What every integration offers: states of lower layers mixed into what the layers above them read, or into the output.

    state 0 --layer 1--> state 1 --between--> read by layer 2 ... state n --between--> closing norm --output--> FeatureStem
State 0 is what the lowest trained layer reads. Whatever is new starts so that the encoder is the pre-trained one.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from ser_core.options import Option


class Integration(nn.Module):
    """Base of the integrations, and the plain encoder: each layer reads the state of the one below it."""

    def __init__(self, levels: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        """What is trained, from the lowest layer that it stands above to the uppermost."""

    def between(self, states: Sequence[Float[Tensor, "batch time dim"]]) -> Float[Tensor, "batch time dim"]:
        """What goes on above the last of the states given, which are those of the layers so far, state 0 first."""
        return states[-1]

    def output(self, states: Float[Tensor, "batch time dim"], below: Sequence[Tensor]) -> Float[Tensor, "batch time dim"]:
        """What the stem reads as the last state, given it (after the closing norm) and all states below it."""
        return states


def zeroed(linear: nn.Linear) -> nn.Linear:
    """The same layer with weights and bias 0."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


@dataclasses.dataclass(frozen=True)
class IntegrationOption(Option):
    """Nothing is integrated: each layer reads the state of the layer below it alone."""

    key: ClassVar[str] = "integration"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """This option's name."""

    def build(self, layers: int, dim: int) -> Integration:
        """The module for so many trained layers of this width."""
        return Integration()
