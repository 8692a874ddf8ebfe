"""Does fusion beat either channel alone?

ser ablate modality
"""

from ablations.study import Study
from ablations.variant import Variant

STUDY = Study(
    name="modality",
    question="Does the model need both speech and text?",
    channels=2,
    masks={"speech only": "speech_only", "text only": "text_only"},
    variants=lambda config, corpus: [
        Variant("speech + text"),
        Variant("speech only", ("model.text=none",)),
        Variant("text only", ("model.speech=none",)),
    ],
)
