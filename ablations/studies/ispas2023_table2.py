"""Do the orderings of Table 2 of Ispas et al. 2023 (arXiv 2401.00536) hold here?

    ser ablate ispas2023_table2
Trains five fusions on emotion and dimensions together, on emotion only and on dimensions only, in the paper's order.
The first encoder pair of the paper (RoBERTa-large) is left out, since you choose the encoders here. Masked training on a
single task has no row in the paper, so it has no published figures here.
Reconstruction: no residual around cross-attention and bridge, unmasked padding, self-attention with residual and
pre-normalisation, hidden steps as zero vectors. Different from the paper: frozen encoders and your optim settings. Add
system=ispas2023 for those of the paper (all layers trained, Adam 3e-5, 20 epochs, batch 16).
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
"""The paper weights cross-entropy, 1 - CCC of valence and 1 - CCC of arousal by .33 each; here CCC is a mean."""


SYSTEM = SYSTEMS["ispas2023"]


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the paper's rows: without dimension labels only the categorical ones, without classes only the dimensional ones."""
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
    """Returns the published figures, one sentence per model, and how they differ from the table above them."""
    sentences = []
    for model in MODELS:
        rows = {task: SYSTEM.figures(f"{model}, {task}") for task in TASKS}
        words = (f"{task} {', '.join(map(str, figures))}" for task, figures in rows.items() if figures)
        sentences.append(f"Published, {model}: {'; '.join(words)}.")
    return (
        *sentences,
        "The published models fine-tune HuBERT-large and DeBERTaV3-large on IEMOCAP, 10 folds (arXiv 2401.00536, Table 2): "
        "compare orderings, not values. In brackets the sd of 3 seeds as printed; those of CCC mix scales (.01 and .43).",
        "Reconstruction: no residual or norm around cross-attention and bridge, unmasked padding, zero vectors for masked "
        "steps. Encoders are frozen here unless you set model.speech.tune and model.text.tune (system=ispas2023 sets them).",
    )


STUDY = Study(
    name="ispas2023_table2",
    question="Do the orderings in Table 2 of Ispas et al. 2023 hold here, with a model that is partly a reconstruction?",
    variants=variants,
    channels=2,
    notes=notes(),
)
