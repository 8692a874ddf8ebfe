"""Does it matter how the channels are fused?

    ser ablate fusion
Compares the three forms that papers debate most, with all else equal. `ser ablate fusions` compares all fusions.
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant

COMPARED = ("concat", "cross_attention", "bridge")
"""Few enough to finish the main example in three minutes."""

STUDY = Study(
    name="fusion",
    question="Does a fusion (bridge: partly a reconstruction) beat concatenation?",
    channels=2,
    variants=lambda config, corpus: [Variant(name, fusion_overrides(config, name)) for name in COMPARED],
)
