"""What every integration provides: states of lower layers mixed into the input of the layers above them, or into the output.

    state 0 --layer 1--> state 1 --between--> read by layer 2 ... state n --between--> closing norm --output--> FeatureStem
State 0 is the input of the lowest trained layer. New weights start so that the encoder equals the pre-trained one.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from ser_core.options import Option


class Integration(nn.Module):
    """Base of the integrations, and the plain encoder: each layer reads the state of the layer below."""

    def __init__(self, levels: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        """The trained modules, from the lowest layer with one to the uppermost."""

    def between(self, states: Sequence[Float[Tensor, "batch time dim"]]) -> Float[Tensor, "batch time dim"]:
        """Returns the input of the next layer, given the states of all layers so far, state 0 first."""
        return states[-1]

    def output(self, states: Float[Tensor, "batch time dim"], below: Sequence[Tensor]) -> Float[Tensor, "batch time dim"]:
        """Returns the last state for the stem, given that state (after the closing norm) and all states below it."""
        return states


def zeroed(linear: nn.Linear) -> nn.Linear:
    """Sets weights and bias of the layer to 0 and returns it."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


@dataclasses.dataclass(frozen=True)
class IntegrationOption(Option):
    """Integrates nothing: each layer only reads the state of the layer below it."""

    key: ClassVar[str] = "integration"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """This option's name."""

    def build(self, layers: int, dim: int) -> Integration:
        """Builds the module for `layers` trained layers of width `dim`."""
        return Integration()
