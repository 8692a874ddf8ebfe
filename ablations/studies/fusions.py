"""Which fusion is best?

    ser ablate fusions
Compares every fusion, with its default settings, with plain concatenation, all else equal.
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant
from ser_core.fusion import FUSIONS

STUDY = Study(
    name="fusions",
    question="Does any fusion (bridge and co-attention: partly reconstructions) beat concatenation?",
    channels=2,
    variants=lambda config, corpus: [Variant(name, fusion_overrides(config, name)) for name in FUSIONS],
)
