"""Does it matter how the channels are fused?

    ser ablate fusion
Every fusion of the table against plain concatenation, all else equal.
"""

from ablations.study import Study, Variant
from ser_core.fusion import FUSIONS

STUDY = Study(
    name="fusion",
    question="Does a fusion (bridge: a reconstruction where its paper is silent) beat concatenation?",
    variants=lambda config, corpus: [Variant(name, (f"model.fusion={name}",)) for name in FUSIONS],
)
