"""What every adapter offers: a few new weights inside each trained layer, beside its pre-trained ones.

    layer --adapt--> the same layer with parameters named lora_A, lora_B or bottleneck, which at the start change nothing
The pre-trained weights go on being trained at `rate`; rate=0 keeps them as they are.
"""

import dataclasses
import re
from typing import ClassVar

from torch import nn

from ser_core.options import Option

ADDED = re.compile(r"(^|\.)(lora_[AB]|bottleneck)(\.|$)")
"""What the names of an adapter's parameters hold, and those of pre-trained parameters do not."""


@dataclasses.dataclass(frozen=True)
class AdapterOption(Option):
    """Nothing is added to the trained layers."""

    key: ClassVar[str] = "adapter"

    neutral: ClassVar[bool] = True
    name: str = "none"
    """This option's name."""

    def adapt(self, layers: nn.ModuleList) -> None:
        """Puts the adapter into each of these transformer layers, in place."""
