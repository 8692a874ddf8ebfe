"""What do votes, text, attributes and gender each add to a single strong encoder?

    ser ablate sailer2025_ablation model.speech=FOLDER model.text=FOLDER
Compares SAILER (Feng et al. 2025, arXiv 2505.22133; a reconstruction) with the system without each of these. Tasks without
labels in the corpus are left out: without votes, add tasks.emotion.target=labels.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.systems import SYSTEMS

SYSTEM = SYSTEMS["sailer2025"]
FULL = (f"system={SYSTEM.name}",)
HELPERS = {"attributes": "dimensions", "gender": "gender"}


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the full system first, then the system without each part that corpus and channels support."""
    trained = config.tasks.settled(corpus, config.model.channels).active()
    hard = "tasks.emotion.target=labels", "tasks.emotion.loss=cross_entropy"
    return [
        Variant("full", FULL),
        *([Variant("one label for the votes", (*FULL, *hard))] if config.tasks.emotion.target == "votes" else []),
        Variant("without text", (*FULL, "model.text=none")),
        *(Variant(f"without {name}", (*FULL, f"tasks.{task}.weight=0")) for name, task in HELPERS.items() if task in trained),
    ]


PUBLISHED = "; ".join(f"{figure.conditions} {figure}" for figure in SYSTEM.published)
STUDY = Study(
    name="sailer2025_ablation",
    question="What do votes, text, attributes and gender add to SAILER (partly a reconstruction)?",
    variants=variants,
    fixed=FULL,
    channels=2,
    notes=(
        f"Published ({SYSTEM.corpus}; single models from a secondary source): {PUBLISHED}.",
        "Reconstruction: concatenation of speech and text, weights of the losses, optimiser. Without the votes, utterances "
        "without agreement are left out of training.",
    ),
)
