"""Which of all the fusions is best?

    ser ablate fusions
Every fusion of the table against plain concatenation, with its default knobs, all else equal.
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant
from ser_core.fusion import FUSIONS

STUDY = Study(
    name="fusions",
    question="Does any fusion (bridge and co-attention: reconstructions where their papers are silent) beat concatenation?",
    channels=2,
    variants=lambda config, corpus: [Variant(name, fusion_overrides(config, name)) for name in FUSIONS],
)
