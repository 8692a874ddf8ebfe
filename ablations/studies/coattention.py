"""Does co-attention between features of tasks beat concatenating the channels?

    ser ablate coattention tasks.gender.weight=0.1
Compares both reconstructions of Wan et al. 2024 (arXiv 2412.20707), whose equations are not known, with concatenation. Zou et
al. 2022 report 71.64 against 67.22 WA on IEMOCAP for re-weighting (arXiv 2203.15326). The paper uses only speech. This study
may do so too, since co-attention relates the features of tasks.
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant

STUDY = Study(
    name="coattention",
    question="Does co-attention (both forms are reconstructions) beat concatenation?",
    variants=lambda config, corpus: [
        Variant("concat", ("model.fusion=concat",)),
        Variant("cross-attention", fusion_overrides(config, "coattn_xattn")),
        Variant("cross-attention, both ways", (*fusion_overrides(config, "coattn_xattn"), "model.fusion.reverse=true")),
        Variant("re-weighting", ("model.fusion=coattn_weight",)),
    ],
)
