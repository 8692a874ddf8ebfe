"""What do two stages, metadata tasks, integration in the encoder and co-attention each contribute?

    ser ablate wan2024_ablation model.speech=FOLDER
Everything here reconstructs Wan et al. 2024 (arXiv 2412.20707), and no published figures are known. Integration is compared only
if model.speech is a checkpoint. Metadata tasks without labels in the corpus are left out. One stage trains all tasks at once,
with the same weights.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.encoders.integration import INTEGRATIONS

SYSTEM = "system=wan2024"
METADATA = ("transcript", "gender", "style")


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the full system first, then the system without one part at a time, metadata tasks last."""
    trained = [name for name in METADATA if name in config.tasks.settled(corpus, config.model.channels).active()]
    alone = ("stages=one", *(f"tasks.{name}.weight=0" for name in METADATA))
    if not trained:
        return []
    return [
        Variant("two stages", (SYSTEM,)),
        Variant("one stage", (SYSTEM, "stages=one")),
        Variant("without co-attention", (SYSTEM, "model.fusion=concat")),
        Variant("co-attention by re-weighting", (SYSTEM, "model.fusion=coattn_weight")),
        *(inside() if config.model.speech.name == "checkpoint" else ()),  # type: ignore[attr-defined]
        *(Variant(f"without {name}", (SYSTEM, f"tasks.{name}.weight=0")) for name in trained if len(trained) > 1),
        Variant("emotion alone, one stage", (SYSTEM, *alone)),
    ]


def inside() -> Sequence[Variant]:
    """Returns the alternatives to the system's integration of encoder layers."""
    others = [name for name in INTEGRATIONS if name not in ("none", "ari_re2")]
    plain = (SYSTEM, "model.speech.integration=none")
    return [
        Variant("without integration", plain),
        Variant("weighted sum of layers", (*plain, "model.speech.layers=weighted")),
        *(Variant(f"{name} for ari_re2", (SYSTEM, f"model.speech.integration={name}")) for name in others),
    ]


STUDY = Study(
    name="wan2024_ablation",
    question="What do stages, metadata tasks, integration and co-attention (all reconstructions) contribute?",
    variants=variants,
    fixed=(SYSTEM,),
    notes=(
        "We had no access to the figures of this paper. The closest system, Gao et al. 2024, reports 71.05 UA for emotion with "
        "gender and style, 75.40 with the transcript, 76.19 with all three in one stage, and 77.13 in two (IEMOCAP, XLS-R).",
    ),
)
