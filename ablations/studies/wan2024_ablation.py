"""What do two stages, metadata tasks, integration in the encoder and co-attention each bring?

    ser ablate wan2024_ablation model.speech=FOLDER
Wan et al. 2024 (arXiv 2412.20707): a reconstruction throughout, without published figures. What layers hand on is compared
where model.speech is a checkpoint; a metadata task that the corpus has no labels for has no row. One stage trains all tasks at
once, under the same weights.
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
    """The whole system first; then what is taken from it, one thing at a time, the metadata tasks last."""
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
    """What the layers of the encoder may hand on instead."""
    others = [name for name in INTEGRATIONS if name not in ("none", "ari_re2")]
    plain = (SYSTEM, "model.speech.integration=none")
    return [
        Variant("without integration", plain),
        Variant("weighted sum of layers", (*plain, "model.speech.layers=weighted")),
        *(Variant(f"{name} for ari_re2", (SYSTEM, f"model.speech.integration={name}")) for name in others),
    ]


STUDY = Study(
    name="wan2024_ablation",
    question="What do stages, metadata tasks, integration and co-attention (all reconstructions) bring?",
    variants=variants,
    fixed=(SYSTEM,),
    notes=(
        "No figure of this paper could be read. Its nearest relative, Gao et al. 2024, has 71.05 UA with gender and style beside "
        "emotion, 75.40 with the transcript, 76.19 with all three in one stage, and 77.13 in two (IEMOCAP, XLS-R).",
    ),
)
