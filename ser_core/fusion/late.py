"""Late fusion: each channel predicts by itself, and the predictions are averaged.

    z = [m_1 ; ... ; m_n]      p = sum_c share_c softmax(head_c(m_c))         m_c: normalised mean of channel c
Classes are averaged as probabilities, ratings as they are (ser_core/tasks/late_head.py). Heads that predict nothing, such as
contrast, read z as a whole. What no combination of channels can tell, late fusion cannot learn: the comparison shows whether
channels complement each other within an utterance or only on average.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ser_core.batch import Stream
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.keyed_dropout import DropoutKey


@dataclasses.dataclass(frozen=True)
class Late(FusionOption):
    """Settings of late fusion."""

    reads_means: ClassVar[bool] = True
    joins: ClassVar[str] = "Each channel has heads of its own; a single one predicts as with concat."
    searched: ClassVar[Searched] = {"learned": (False, True)}
    name: str = "late"
    """This option's name."""
    learned: bool = False
    """Whether each task learns the channels' shares in its prediction; false averages them equally."""

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        return LateFusion(channels=len(channels), width=width, learned=self.learned)


class LateFusion(Fusion):
    """The means side by side. Heads that predict read one part each."""

    def __init__(self, channels: int, width: int, learned: bool) -> None:
        super().__init__()
        self.out_width, self.parts, self.learned = channels * width, channels, learned

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        return means(streams)
