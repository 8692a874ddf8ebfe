"""Fixed weights: the sum of tasks.<name>.weight times each loss, from the first step to the last."""

import dataclasses
from typing import ClassVar

from ser_core.options import Situation
from ser_core.weighting.weighting import Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class Fixed(WeightingOption):
    """Knobs of fixed weights: none; `ser search weights` looks for the best."""

    neutral: ClassVar[bool] = True
    name: str = "fixed"
    """This option's name."""

    def without_effect(self, situation: Situation) -> dict[str, str]:
        alone = super().without_effect(situation)
        return {"monitor": alone[""]} if alone else {}

    def build(self) -> Weighting:
        return Weighting()
