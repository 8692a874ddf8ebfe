"""How many tokens does the bridge need, and what should they read?

    ser search bridge_tokens --trials 12
Ispas et al. 2023 use 30 without a sweep. For bottleneck transformers, 4 are sufficient.
"""

from search_spaces.space import Choice, Space

SPACE = Space(
    name="bridge_tokens",
    question="How many tokens does the bridge (partly a reconstruction) need, and what should they read?",
    fixed=("model.fusion=bridge",),
    ranges={
        "model.fusion.tokens": Choice((1, 4, 8, 16, 30, 64)),
        "model.fusion.kv_mode": Choice(("split", "same", "concat")),
    },
)
