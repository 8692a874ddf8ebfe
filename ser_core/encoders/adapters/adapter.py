"""What every adapter provides: a few new weights inside each trained layer, next to its pre-trained ones.

    layer --adapt--> the same layer with parameters named lora_A, lora_B or bottleneck, which change nothing at the start
The pre-trained weights continue to train at `rate`; rate=0 keeps them unchanged.
"""

import dataclasses
import re
from typing import ClassVar

from torch import nn

from ser_core.options import Option

ADDED = re.compile(r"(^|\.)(lora_[AB]|bottleneck)(\.|$)")
"""Matches the names of an adapter's parameters and no names of pre-trained parameters."""


@dataclasses.dataclass(frozen=True)
class AdapterOption(Option):
    """Adds nothing to the trained layers."""

    key: ClassVar[str] = "adapter"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """This option's name."""

    def adapt(self, layers: nn.ModuleList) -> None:
        """Inserts the adapter into each of these transformer layers, in place."""
