"""How many bridge tokens are enough, and are any better than none?

    ser ablate bridge_tokens
One factor: the bridge of Ispas et al. 2023 (arXiv 2401.00536) with 1 to 64 tokens in each group, compared with 0 tokens, which
is plain cross-attention between the same refined channels. The paper uses 30 without a sweep and leaves the best number to
future work. For bottleneck transformers, 4 are sufficient (Nagrani et al. 2021).
"""

from ablations.study import Study, fusion_overrides
from ablations.variant import Variant
from ser_core.config.tree import Config

NUMBERS = (1, 4, 8, 16, 30, 64)


def without_tokens(config: Config) -> tuple[str, ...]:
    """Returns the paper's cross-attention: queries from one refined channel, keys and values from the other, no residual."""
    bare = ("model.fusion.refine=1", "model.fusion.pool=mean", "model.fusion.residual=false", "model.fusion.norm=false")
    return (*fusion_overrides(config, "cross_attention"), *bare)


def with_tokens(config: Config, number: int) -> tuple[str, ...]:
    """Returns the paper's bridge with `number` tokens in each group."""
    return (*fusion_overrides(config, "bridge"), f"model.fusion.tokens={number}", "model.fusion.skip=false")


STUDY = Study(
    name="bridge_tokens",
    question="How many tokens does the bridge (partly a reconstruction) need, if any?",
    channels=2,
    variants=lambda config, corpus: [
        Variant("0 (cross-attention)", without_tokens(config)),
        *(Variant(str(number), with_tokens(config, number)) for number in NUMBERS),
    ],
)
