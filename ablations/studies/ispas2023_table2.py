"""Table 2 of Ispas et al. 2023 (arXiv 2401.00536), row by row: do its orderings hold here?

    ser ablate ispas2023_table2
Five fusions, each trained on emotion and dimensions together, on emotion alone and on dimensions alone, in the paper's
order. Left out: its first encoder pair (RoBERTa-large), because encoders are the user's choice here. Masked training
on one task only has no row in the paper and stands here without figures.
Reconstruction: no residual around cross-attention and bridge, unmasked padding, self-attention with residual and
normalisation before it, hidden steps as zero vectors. Different from the paper: frozen encoders and whatever optim says;
system=ispas2023 beneath it takes the paper's (all layers trained, Adam 3e-5, 20 epochs, batch 16).
"""

from collections.abc import Callable, Sequence

from ablations.studies.bridge_tokens import with_tokens, without_tokens
from ablations.study import Study, fusion_overrides
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.systems import SYSTEMS

HEARD, HIDDEN = "model.masking=none", "model.masking=epoch"
MODELS: dict[str, Callable[[Config], tuple[str, ...]]] = {
    "concat": lambda config: (*fusion_overrides(config, "concat"), HEARD),
    "self-attention": lambda config: (*fusion_overrides(config, "self_attention"), HEARD),
    "cross-attention": lambda config: (*without_tokens(config), HEARD),
    "bridge": lambda config: (*with_tokens(config, 30), HEARD),
    "bridge + masking": lambda config: (*with_tokens(config, 30), HIDDEN),
}
TASKS: dict[str, tuple[str, ...]] = {
    "multi-task": ("tasks.emotion.weight=0.33", "tasks.dimensions.weight=0.66"),
    "categorical": ("tasks.emotion.weight=1", "tasks.dimensions.weight=0"),
    "dimensional": ("tasks.emotion.weight=0", "tasks.dimensions.weight=1"),
}
"""The paper's loss is .33 for each of cross-entropy, 1 - CCC of valence and 1 - CCC of arousal; here CCC is a mean."""


SYSTEM = SYSTEMS["ispas2023"]


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """The paper's rows; without rated dimensions the categorical ones, without classes the dimensional ones."""
    emotion, dimensions = (task.available(corpus) for task in (config.tasks.emotion, config.tasks.dimensions))
    possible = {"multi-task": emotion and dimensions, "categorical": emotion, "dimensional": dimensions}
    rated = {dimension.name for dimension in corpus.dimensions}
    named = ("tasks.dimensions.names=[valence,arousal]",) if rated >= {"valence", "arousal"} else ()
    return [
        Variant(f"{model}, {task}", (*fusion(config), *weights, *(named if task != "categorical" else ())))
        for model, fusion in MODELS.items()
        for task, weights in TASKS.items()
        if possible[task]
    ]


def notes() -> tuple[str, ...]:
    """The published figures as sentences, one for each model, and what parts them from the table above them."""
    said = []
    for model in MODELS:
        rows = {task: SYSTEM.figures(f"{model}, {task}") for task in TASKS}
        words = (f"{task} {', '.join(map(str, figures))}" for task, figures in rows.items() if figures)
        said.append(f"Published, {model}: {'; '.join(words)}.")
    return (
        *said,
        "Published figures are HuBERT-large and DeBERTaV3-large fine-tuned on IEMOCAP, 10 folds (arXiv 2401.00536, Table 2): "
        "compare orderings, not values. ± is the sd of 3 seeds; the paper's sd of V (.05) may be meant x 10^-2.",
        "Reconstruction: nothing around cross-attention and bridge, padding unmasked, hidden steps as zero vectors. "
        "Here encoders are frozen, unless model.speech.tune and model.text.tune say otherwise (system=ispas2023 does).",
    )


STUDY = Study(
    name="ispas2023_table2",
    question="Do the orderings of Ispas et al. 2023, Table 2, hold here (a reconstruction where the paper is silent)?",
    variants=variants,
    channels=2,
    notes=notes(),
)
