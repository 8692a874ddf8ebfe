"""The table of studies for `ser ablate`. To add one, write its file and add it here."""

from ablations.studies import (
    bridge_tokens,
    coattention,
    cross_regularisation,
    fusion,
    fusions,
    ispas2023_table2,
    layers,
    masking,
    mmer2023_ablation,
    modality,
    stages,
    tasks,
    text,
    wan2024_ablation,
    weighting,
)
from ablations.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        *(fusion.STUDY, fusions.STUDY, bridge_tokens.STUDY, coattention.STUDY, layers.STUDY, masking.STUDY),
        *(tasks.STUDY, modality.STUDY, text.STUDY, weighting.STUDY, cross_regularisation.STUDY, stages.STUDY),
        *(ispas2023_table2.STUDY, mmer2023_ablation.STUDY, wan2024_ablation.STUDY),
    )
}
