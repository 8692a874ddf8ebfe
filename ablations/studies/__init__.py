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
    medusa2025_ablation,
    mmer2023_ablation,
    modality,
    sailer2025_ablation,
    stages,
    tasks,
    text,
    wan2024_ablation,
    weighting,
)
from ablations.study import Study

STUDIES: dict[str, Study] = {
    "fusion": fusion.STUDY,
    "fusions": fusions.STUDY,
    "bridge_tokens": bridge_tokens.STUDY,
    "coattention": coattention.STUDY,
    "layers": layers.STUDY,
    "masking": masking.STUDY,
    "tasks": tasks.STUDY,
    "modality": modality.STUDY,
    "text": text.STUDY,
    "weighting": weighting.STUDY,
    "cross_regularisation": cross_regularisation.STUDY,
    "stages": stages.STUDY,
    "ispas2023_table2": ispas2023_table2.STUDY,
    "mmer2023_ablation": mmer2023_ablation.STUDY,
    "wan2024_ablation": wan2024_ablation.STUDY,
    "sailer2025_ablation": sailer2025_ablation.STUDY,
    "medusa2025_ablation": medusa2025_ablation.STUDY,
}
