"""Fixed weights: the sum of tasks.<name>.weight times each loss, in every step."""

import dataclasses
from typing import ClassVar

from ser_core.options import Situation
from ser_core.weighting.weighting import Weighting, WeightingOption


@dataclasses.dataclass(frozen=True)
class Fixed(WeightingOption):
    """Settings of fixed weights: none; `ser search weights` searches for the best ones."""

    neutral: ClassVar[bool] = True
    cost: ClassVar[float | None] = 1.0
    name: str = "fixed"
    """This option's name."""

    def without_effect(self, situation: Situation) -> dict[str, str]:
        alone = super().without_effect(situation)
        return {"monitor": alone[""]} if alone else {}

    def build(self) -> Weighting:
        return Weighting()
