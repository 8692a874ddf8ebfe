"""Does it matter how the channels are fused?

    ser ablate fusion
The three forms that papers argue about most, all else equal; `ser ablate fusions` compares the whole table.
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant

COMPARED = ("concat", "cross_attention", "bridge")
"""Few enough for the main job's three minutes."""

STUDY = Study(
    name="fusion",
    question="Does a fusion (bridge: a reconstruction where its paper is silent) beat concatenation?",
    channels=2,
    variants=lambda config, corpus: [Variant(name, fusion_overrides(config, name)) for name in COMPARED],
)
