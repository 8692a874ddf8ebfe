"""Does co-attention between features of tasks beat laying the channels side by side?

    ser ablate coattention tasks.gender.weight=0.1
Both reconstructions of Wan et al. 2024 (arXiv 2412.20707), whose equations are not known, against concatenation. Zou et
al. 2022 report 71.64 against 67.22 WA on IEMOCAP for re-weighting (arXiv 2203.15326). The paper reads speech alone, and so
may this study: the features related are those of tasks.
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
