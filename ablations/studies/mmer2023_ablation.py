"""Which of MMER's helper losses earns its place?

    ser ablate mmer2023_ablation model.speech=FOLDER model.text=FOLDER
Compares the full system (Ghosh et al. 2023, arXiv 2203.16794) with the system without CTC, without supervised contrast and
without augmented contrast, as in the paper's ablation. Losses without labels or channel in the corpus are left out.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.systems import SYSTEMS

SYSTEM = SYSTEMS["mmer2023"]
FULL = (f"system={SYSTEM.name}",)
LOSSES = {"CTC": "transcript", "SCL": "contrast", "ACL": "augmented_contrast"}
"""The paper's names, ordered by the loss in score without each."""


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the full system first, then the system without each loss that corpus and channels support."""
    trained = config.tasks.settled(corpus, config.model.channels).active()
    without: dict[str, tuple[str, ...]] = {name: (f"tasks.{task}.weight=0",) for name, task in LOSSES.items() if task in trained}
    if {"contrast", "augmented_contrast"} <= set(trained):
        # Both share a projection, which augmented contrast keeps where the other is left out.
        without["SCL"] = (*without["SCL"], "tasks.augmented_contrast.anchors=own")
    return [Variant("full", FULL), *(Variant(f"without {name}", (*FULL, *changes)) for name, changes in without.items())]


PUBLISHED = "; ".join(f"{figure.conditions} {figure}" for figure in SYSTEM.published)
STUDY = Study(
    name="mmer2023_ablation",
    question="Which of MMER's helper losses improve the score?",
    variants=variants,
    fixed=FULL,
    channels=2,
    notes=(
        f"Published ({SYSTEM.corpus}, 5 folds by session, wav2vec2-base and RoBERTa-base): {PUBLISHED}. Compare the order "
        "in which removing a loss hurts (CTC > SCL > ACL), not the values.",
        *SYSTEM.cautions[:1],
        "The released code chooses the epoch on the test session, and what it calls WA is UA.",
    ),
)
