"""Which parts of MEDUSA earn their place?

    ser ablate medusa2025_ablation model.speech=FOLDER model.text=FOLDER
Compares a single model of the system (Chatzichristodoulou et al. 2025, arXiv 2506.09556; a reconstruction) with the system
without deep fusion, soft targets, manifold mixup, attributes and the balanced second stage, as in the paper's ablation. Parts
without votes or ratings in the corpus are left out: without votes, add tasks.emotion.target=labels.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.systems import SYSTEMS

SYSTEM = SYSTEMS["medusa2025"]
FULL = (f"system={SYSTEM.name}",)


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the full system first, then the system without each part, in the paper's order of their effect."""
    soft, rated = config.tasks.emotion.target == "votes", config.tasks.dimensions.available(corpus)
    return [
        Variant("full", FULL),
        *([Variant("one label for the votes", (*FULL, "tasks.emotion.target=labels"))] if soft else []),
        Variant("late fusion", (*FULL, "model.fusion=concat")),
        *([Variant("without attributes", (*FULL, "tasks.dimensions.weight=0"))] if rated else []),
        Variant("without mixup", (*FULL, "optim.mixup=0")),
        Variant("without stage 2", (*FULL, "stages=one")),
    ]


STUDY = Study(
    name="medusa2025_ablation",
    question="Which parts of MEDUSA (one model, partly a reconstruction) improve the score?",
    variants=variants,
    fixed=FULL,
    channels=2,
    notes=(
        *SYSTEM.cautions[:1],
        "Reconstruction: one model instead of an ensemble of 14 with a meta-classifier, one speech encoder, balanced draws.",
        "Late fusion concatenates means, with the same heads. One stage trains on all data for optim.epochs.",
    ),
)
