"""Does hiding a channel in training help?

    ser ablate masking model.fusion=bridge
Compares every masking, with its default settings, with none. Ispas et al. 2023 find no gain from masking by epoch.
"""

from ablations.study import Study
from ablations.variant import Variant
from ser_core.masking import MASKINGS

STUDY = Study(
    name="masking",
    question="Does hiding a channel in training (by epoch: partly a reconstruction) help?",
    channels=2,
    variants=lambda config, corpus: [Variant(name, (f"model.masking={name}",)) for name in MASKINGS],
)
