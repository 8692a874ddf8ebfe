"""Table 2 of Ispas et al. 2023 (arXiv 2401.00536), row by row: do its orderings hold here?

    ser ablate ispas2023_table2
Five fusions, each trained on emotion and dimensions together, on emotion alone and on dimensions alone, in the paper's
order. Left out: its first encoder pair (RoBERTa-large), because encoders are the user's choice here. Masked training
on one task only has no row in the paper and stands here without figures.
Reconstruction: no residual around cross-attention and bridge, unmasked padding, self-attention with residual and
normalisation before it, hidden steps as zero vectors. Different from the paper: frozen encoders, whatever optim says
(paper: Adam 3e-5, 20 epochs, batch 16), and every dimension that the corpus rates (paper: valence and arousal).
"""

import dataclasses
from collections.abc import Sequence

from ablations.bridge_tokens import WITHOUT_TOKENS, with_tokens
from ablations.study import Study, Variant
from ser_core.config import Config
from ser_core.corpus import Corpus

HEARD, HIDDEN = "model.masking=none", "model.masking=epoch"
MODELS: dict[str, tuple[str, ...]] = {
    "concat": ("model.fusion=concat", HEARD),
    "self-attention": ("model.fusion=self_attention", HEARD),
    "cross-attention": (*WITHOUT_TOKENS, HEARD),
    "bridge": (*with_tokens(30), HEARD),
    "bridge + masking": (*with_tokens(30), HIDDEN),
}
TASKS: dict[str, tuple[str, ...]] = {
    "multi-task": ("tasks.emotion.weight=0.33", "tasks.dimensions.weight=0.66"),
    "categorical": ("tasks.emotion.weight=1", "tasks.dimensions.weight=0"),
    "dimensional": ("tasks.emotion.weight=0", "tasks.dimensions.weight=1"),
}
"""The paper's loss is .33 for each of cross-entropy, 1 - CCC of valence and 1 - CCC of arousal; here CCC is a mean."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A published mean, and the standard deviation of three seeds where one is printed (0: none is)."""

    mean: float
    sd: float = 0.0

    def __str__(self) -> str:
        return f"{self.mean:g}" + f" ± {self.sd:g}" * (self.sd > 0)


Row = dict[str, Figure]


def _categorical(uar: Figure, war: Figure) -> Row:
    return {"UAR": uar, "WAR": war}


def _dimensional(valence: Figure, arousal: Figure) -> Row:
    return {"V": valence, "A": arousal}


PUBLISHED: dict[tuple[str, str], Row] = {
    ("concat", "multi-task"): _categorical(Figure(69.43, 0.64), Figure(67.22, 0.74)) | _dimensional(Figure(0.637), Figure(0.674)),
    ("concat", "categorical"): _categorical(Figure(67.12), Figure(65.5)),
    ("concat", "dimensional"): _dimensional(Figure(0.617), Figure(0.675)),
    ("self-attention", "multi-task"): _categorical(Figure(73.92, 0.17), Figure(73.01, 0.25))
    | _dimensional(Figure(0.737), Figure(0.676)),
    ("self-attention", "categorical"): _categorical(Figure(74.17), Figure(72.9)),
    ("self-attention", "dimensional"): _dimensional(Figure(0.711), Figure(0.687)),
    ("cross-attention", "multi-task"): _categorical(Figure(74.68, 0.16), Figure(74.69, 0.18))
    | _dimensional(Figure(0.738), Figure(0.685)),
    ("cross-attention", "categorical"): _categorical(Figure(74.29), Figure(73.6)),
    ("cross-attention", "dimensional"): _dimensional(Figure(0.718), Figure(0.686)),
    ("bridge", "multi-task"): _categorical(Figure(75.71, 0.17), Figure(74.6, 0.21))
    | _dimensional(Figure(0.748, 0.05), Figure(0.677)),
    ("bridge", "categorical"): _categorical(Figure(74.02), Figure(73.05)),
    ("bridge", "dimensional"): _dimensional(Figure(0.714), Figure(0.698)),
    ("bridge + masking", "multi-task"): _categorical(Figure(75.79, 0.37), Figure(74.38, 0.33))
    | _dimensional(Figure(0.744), Figure(0.679)),
}
"""Table 2, its DeBERTaV3-large block: UAR and WAR in percent, CCC as it is. Single-task rows are one seed."""


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """The paper's rows; without rated dimensions the categorical ones, without classes the dimensional ones."""
    emotion, dimensions = (task.available(corpus) for task in (config.tasks.emotion, config.tasks.dimensions))
    possible = {"multi-task": emotion and dimensions, "categorical": emotion, "dimensional": dimensions}
    rated = {dimension.name for dimension in corpus.dimensions}
    named = ("tasks.dimensions.names=[valence,arousal]",) if rated >= {"valence", "arousal"} else ()
    return [
        Variant(f"{model}, {task}", (*fusion, *weights, *(named if task != "categorical" else ())))
        for model, fusion in MODELS.items()
        for task, weights in TASKS.items()
        if possible[task]
    ]


def notes() -> tuple[str, ...]:
    """The published figures as sentences, one for each model, and what parts them from the table above them."""
    said = []
    for model in MODELS:
        rows = {task: row for (name, task), row in PUBLISHED.items() if name == model}
        words = (f"{task} {' '.join(f'{name} {figure}' for name, figure in row.items())}" for task, row in rows.items())
        said.append(f"Published, {model}: {'; '.join(words)}.")
    return (
        *said,
        "Published figures are HuBERT-large and DeBERTaV3-large fine-tuned on IEMOCAP, 10 folds (arXiv 2401.00536, Table 2): "
        "compare orderings, not values. ± is the sd of 3 seeds; the paper's sd of V (.05) may be meant x 10^-2.",
        "Reconstruction: nothing around cross-attention and bridge, padding unmasked, hidden steps as zero vectors. "
        "Here encoders are frozen, unless model.speech.tune and model.text.tune say otherwise.",
    )


STUDY = Study(
    name="ispas2023_table2",
    question="Do the orderings of Ispas et al. 2023, Table 2, hold here (a reconstruction where the paper is silent)?",
    variants=variants,
    notes=notes(),
)
